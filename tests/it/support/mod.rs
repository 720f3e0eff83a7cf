//! Test fixtures: a server with a separate database for each test, and users of it.

pub mod answer;
pub mod bucket;
pub mod database;
pub mod event;
pub mod footprint;
pub mod form;
pub mod http2;
pub mod person;
pub mod port;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod role;
pub mod smtp;
pub mod socket;
pub mod wire;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use chrono::{TimeDelta, TimeZone as _, Utc};
use taskwire::app::App;
use taskwire::config::Config;
use taskwire::domain::Dependencies;
use taskwire::domain::actor::{Actor, Role};
use taskwire::domain::clock::ManualClock;
use taskwire::domain::random::SystemRandomness;
use taskwire::domain::session::Device;
use taskwire::domain::user::Registration;
use tempfile::TempDir;

use self::database::TestDatabase;
use self::person::Person;
use self::redis::{REDIS_TIMEOUT, RedisServer};

/// The password of every user.
pub const PASSWORD: &str = "Password123";
pub const SECRET_KEY: &str = "b1946ac92492d2347c6235b4d2611184f3a0c7e95d28";

/// A server with a separate database. Its clock starts at 2026-01-15T12:00:00Z and only moves with [`Self::advance`].
pub struct TestApp {
    pub app: App,
    pub database: TestDatabase,
    files: Arc<TempDir>,
    redis: Option<Arc<RedisServer>>,
    clock: ManualClock,
    router: Router,
    people: AtomicU32,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// `settings` are added to the default ones.
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::on(TestDatabase::create().await, settings).await
    }

    /// Over a database that may have no tables yet. `settings` are added to the default ones.
    pub async fn on(database: TestDatabase, settings: &[(&str, &str)]) -> Self {
        let files = Arc::new(tempfile::tempdir().unwrap());
        let redis = match redis::beside_server() {
            Some(mut redis) => {
                redis.ready().await;
                Some(Arc::new(redis))
            }
            None => None,
        };
        Self::over(database, files, redis, settings).await
    }

    /// Another server over the same database, as a second node of a cluster.
    pub async fn second_node(&self) -> Self {
        self.second_node_with(&[]).await
    }

    /// `settings` are added to the default ones, not to those of this node.
    pub async fn second_node_with(&self, settings: &[(&str, &str)]) -> Self {
        let (files, redis) = (Arc::clone(&self.files), self.redis.clone());
        let mut node = Self::over(self.database.clone(), files, redis, settings).await;
        node.people = AtomicU32::new(1_000);
        node
    }

    async fn over(
        database: TestDatabase,
        files: Arc<TempDir>,
        redis: Option<Arc<RedisServer>>,
        settings: &[(&str, &str)],
    ) -> Self {
        let clock = ManualClock::at(Utc.with_ymd_and_hms(2026, 1, 15, 12, 0, 0).unwrap());
        let dependencies = Dependencies {
            clock: Arc::new(clock.clone()),
            randomness: Arc::new(SystemRandomness),
        };
        let url = redis.as_ref().map(|redis| redis.url());
        let beside = url.as_deref().map(|url| [("REDIS_URL", url), REDIS_TIMEOUT]);
        let settings = [
            &[("UPLOAD_DIR", files.path().to_str().unwrap())],
            beside.as_slice().as_flattened(),
            settings,
        ]
        .concat();
        let app = App::open(config(&database, &settings), dependencies).await.unwrap();
        let router = app.router();
        Self {
            app,
            database,
            files,
            redis,
            clock,
            router,
            people: AtomicU32::new(1),
        }
    }

    pub fn anonymous(&self) -> Person<'_> {
        Person::anonymous(self)
    }

    /// A new ordinary user, signed in.
    pub async fn member(&self) -> Person<'_> {
        self.person(Role::User).await
    }

    /// A new administrator, signed in.
    pub async fn admin(&self) -> Person<'_> {
        self.person(Role::Admin).await
    }

    async fn person(&self, role: Role) -> Person<'_> {
        let name = format!("person{}", self.people.fetch_add(1, Ordering::Relaxed));
        let registration = Registration {
            email: format!("{name}@example.com"),
            password: PASSWORD.into(),
            username: Some(name.clone()),
            full_name: None,
        };
        let user = self
            .app
            .domain()
            .users()
            .create(&Actor::System, registration, role)
            .await
            .unwrap();
        let tokens = self
            .app
            .domain()
            .sessions()
            .login(&name, PASSWORD.into(), Device::default())
            .await
            .unwrap();
        Person::signed_in(self, user.id.0, name, tokens)
    }

    /// The directory of attachments.
    pub fn files(&self) -> &Path {
        self.files.path()
    }

    /// Moves the clock of the server.
    pub fn advance(&self, by: TimeDelta) {
        self.clock.advance(by);
    }

    pub fn router(&self) -> Router {
        self.router.clone()
    }
}

/// A server whose database has only the migrations before the one of this name.
pub async fn before_migration(database: &TestDatabase, name: &str) -> App {
    let app = App::open(config(database, &[]), Dependencies::default()).await.unwrap();
    let migrations = app.domain().migrations().await.unwrap();
    let earlier = migrations.iter().position(|migration| migration.name == name).unwrap();
    let earlier = u32::try_from(earlier).unwrap();
    app.domain().migrate_up(Some(earlier)).await.unwrap();
    app
}

pub fn config(database: &TestDatabase, settings: &[(&str, &str)]) -> Config {
    let defaults = [
        ("DATABASE_URL", database.url()),
        ("SECRET_KEY", SECRET_KEY),
        ("DATABASE_MAX_CONNECTIONS", "5"),
        // Tests send many requests; tests of the limits enable them.
        ("RATE_LIMIT_ENABLED", "false"),
    ];
    let vars = defaults
        .iter()
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Config::from_vars(&vars).unwrap()
}
