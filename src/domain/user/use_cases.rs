//! The use cases of users.

use secrecy::SecretString;

use super::profile::Names;
use super::{MAX_FULL_NAME_LENGTH, NewAccount, Registration, User, UserChange};
use crate::domain::actor::{Actor, Role};
use crate::domain::attachment::Removal;
use crate::domain::error::{Error, Result, ViolationKind, Violations};
use crate::domain::id::UserId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{
    ChangePassword, CreateUser, DeleteUser, EditUser, EndSessions, NewUser, Permit, SetActive, SetRole,
    Users as UserNoun,
};
use crate::domain::search::folded;
use crate::domain::session::{Device, ShownPassword, forgive_account};
use crate::domain::store::WriteTransaction;
use crate::domain::task::Tasks;
use crate::domain::{Core, policy, store};

/// The use cases of users.
#[derive(Clone, Copy, Debug)]
pub struct Users<'a> {
    pub(super) core: &'a Core,
}

impl<'a> Users<'a> {
    pub(in crate::domain) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// The signed-in user.
    #[tracing::instrument(target = "taskwire::span", name = "user.viewer", skip_all)]
    pub async fn viewer(self, actor: &Actor) -> Result<User> {
        let id = actor.signed_in()?.id;
        self.get(actor, id).await
    }

    /// The user, with the fields that the actor may see.
    #[tracing::instrument(target = "taskwire::span", name = "user.find", skip_all)]
    pub async fn find(self, actor: &Actor, id: UserId) -> Result<Option<User>> {
        Ok(self.find_many(actor, &[id]).await?.pop())
    }

    /// Like [`find`](Self::find), but returns an error if the user is not found.
    #[tracing::instrument(target = "taskwire::span", name = "user.get", skip_all)]
    pub async fn get(self, actor: &Actor, id: UserId) -> Result<User> {
        self.find(actor, id).await?.ok_or_else(|| Error::not_found(id))
    }

    /// The existing users among these.
    #[tracing::instrument(target = "taskwire::span", name = "user.find_many", skip_all)]
    pub async fn find_many(self, actor: &Actor, ids: &[UserId]) -> Result<Vec<User>> {
        let scope = policy::scope(actor)?;
        store::user::find_many(&self.core.store, actor, &scope, ids).await
    }

    /// The user, if it is in memory and current.
    pub(crate) fn cached(self, actor: &Actor, id: UserId) -> Option<User> {
        let scope = policy::scope(actor).ok()?;
        store::user::cached(&self.core.store, actor, &scope, id)
    }

    /// One page of all users, by id, with the fields that the actor may see.
    #[tracing::instrument(target = "taskwire::span", name = "user.list", skip_all)]
    pub async fn list(self, actor: &Actor, page: &PageRequest) -> Result<Page<User>> {
        let scope = policy::scope(actor)?;
        store::user::page(&self.core.store.reader(actor), &scope, page).await
    }

    /// Up to `limit` active users whose display name or username contains the text, ignoring case. Prefix matches come
    /// first, then the order is by display name. Without a text, all active users match.
    #[tracing::instrument(target = "taskwire::span", name = "user.search", skip_all)]
    pub async fn search(self, actor: &Actor, text: Option<&str>, limit: u32) -> Result<Vec<User>> {
        let scope = policy::scope(actor)?;
        let text = folded(text.unwrap_or_default().trim());
        let length = text.chars().count();
        if length > MAX_FULL_NAME_LENGTH {
            let message = format!("search has {length} characters; up to {MAX_FULL_NAME_LENGTH} are allowed");
            return Err(Error::bad_input("search", message));
        }
        if text.chars().any(char::is_control) {
            // Names contain no control characters.
            return Ok(Vec::new());
        }
        store::user::search(&self.core.store.reader(actor), &scope, &text, limit).await
    }

    /// The total number of users.
    #[tracing::instrument(target = "taskwire::span", name = "user.count", skip_all)]
    pub async fn count(self, actor: &Actor) -> Result<u64> {
        let scope = policy::scope(actor)?;
        store::user::count(&self.core.store.reader(actor), &scope).await
    }

    /// Creates an account. People register through [`Sessions`](crate::domain::session::Sessions::register).
    #[tracing::instrument(target = "taskwire::span", name = "user.create", skip_all)]
    pub async fn create(self, actor: &Actor, registration: Registration, role: Role) -> Result<User> {
        let permit = policy::permit(actor, CreateUser, &NewUser)?;
        let account = self.check(registration, role).await?;
        self.insert(permit, account).await
    }

    /// Creates an account without checking the password rules: for the administrator of a development server, whose
    /// password is public anyway.
    pub async fn create_with_known_password(
        self,
        actor: &Actor,
        registration: Registration,
        role: Role,
    ) -> Result<User> {
        let permit = policy::permit(actor, CreateUser, &NewUser)?;
        let password = registration.password.clone();
        let account = self.hashed(registration.check()?, password, role).await?;
        self.insert(permit, account).await
    }

    /// Inserts an account that an administrator or the CLI creates.
    async fn insert(self, permit: Permit<CreateUser>, mut account: NewAccount) -> Result<User> {
        // Administrators vouch for the address.
        account.is_verified = true;
        let transaction = self.core.store.begin().await?;
        let user = store::user::insert(&transaction, &permit, account).await?;
        transaction.commit().await?;
        Ok(user)
    }

    /// Validates a registration and hashes its password. The address is not verified yet.
    pub(in crate::domain) async fn check(self, registration: Registration, role: Role) -> Result<NewAccount> {
        let password = registration.password.clone();
        let mut violations = Violations::default();
        let details = violations.check(registration.check())?;
        violations.check(self.core.passwords.check_rules("password", &password))?;
        violations.into_result()?;
        self.hashed(details.unwrap_or_default(), password, role).await
    }

    async fn hashed(self, names: Names, password: SecretString, role: Role) -> Result<NewAccount> {
        let (email, username, full_name) = names;
        let password_hash = self.core.passwords.hash(password).await?;
        Ok(NewAccount {
            email,
            username,
            full_name,
            password_hash,
            role,
            is_verified: false,
            now: self.core.clock.now(),
        })
    }

    /// Changes an account in one transaction. A new role applies from the account's next request; deactivation ends its
    /// sessions at once.
    #[tracing::instrument(target = "taskwire::span", name = "user.update", skip_all)]
    pub async fn update(self, actor: &Actor, id: UserId, mut change: UserChange, device: &Device) -> Result<User> {
        let password = change.current_password.take();
        let change = change.check()?;
        let is_own = actor.user_id() == Some(id);
        let shown = match password {
            Some(password) if is_own && change.moves(&self.viewer(actor).await?) => {
                Some(ShownPassword::check(self.core, actor, password, device).await?)
            }
            _ => None,
        };
        let removes_admin = change.role.is_some_and(|role| role != Role::Admin) || change.is_active == Some(false);
        let (transaction, user) = self.open_change(actor, id, removes_admin).await?;
        let moves = change.moves(&user);
        if is_own && moves {
            let Some(shown) = shown else {
                let message = "current_password is missing: a new e-mail address needs the password of the account";
                return Err(Error::violation("current_password", ViolationKind::Missing, message));
            };
            shown.accept(&transaction).await?;
        }
        if let Some(role) = change.role {
            self.write_role(actor, &transaction, &user, role).await?;
        }
        if let Some(is_active) = change.is_active {
            self.write_activity(actor, &transaction, &user, is_active).await?;
        }
        let permit = policy::permit(actor, EditUser, &user)?;
        if let Some(time_zone) = change.time_zone {
            store::user::set_time_zone(&transaction, &permit, time_zone, self.core.clock.now()).await?;
        }
        if change.renames(&user) {
            let name_key = change.name_key(&user);
            store::user::update(&transaction, &permit, change, name_key, self.core.clock.now()).await?;
        }
        if moves {
            self.address_changed(actor, &transaction, &user).await?;
        }
        self.finish(actor, transaction, id).await
    }

    /// Changes the role of an account. It applies from the account's next request.
    #[tracing::instrument(target = "taskwire::span", name = "user.set_role", skip_all)]
    pub async fn set_role(self, actor: &Actor, id: UserId, role: Role) -> Result<User> {
        let (transaction, user) = self.open_change(actor, id, role != Role::Admin).await?;
        self.write_role(actor, &transaction, &user, role).await?;
        self.finish(actor, transaction, id).await
    }

    /// Deactivates or reactivates an account. Deactivation ends its sessions at once.
    #[tracing::instrument(target = "taskwire::span", name = "user.set_active", skip_all)]
    pub async fn set_active(self, actor: &Actor, id: UserId, is_active: bool) -> Result<User> {
        let (transaction, user) = self.open_change(actor, id, !is_active).await?;
        self.write_activity(actor, &transaction, &user, is_active).await?;
        self.finish(actor, transaction, id).await
    }

    async fn write_role(self, actor: &Actor, transaction: &WriteTransaction, user: &User, role: Role) -> Result<()> {
        let permit = policy::permit(actor, SetRole, user)?;
        if role != Role::Admin {
            self.require_other_admin(actor, transaction, user.id).await?;
        }
        store::user::set_role(transaction, &permit, role, self.core.clock.now()).await
    }

    async fn write_activity(
        self,
        actor: &Actor,
        transaction: &WriteTransaction,
        user: &User,
        is_active: bool,
    ) -> Result<()> {
        let permit = policy::permit(actor, SetActive, user)?;
        let now = self.core.clock.now();
        if !is_active {
            self.require_other_admin(actor, transaction, user.id).await?;
            store::session::end_all(transaction, &policy::permit(actor, EndSessions, user)?, now).await?;
        }
        store::user::set_active(transaction, &permit, is_active, now).await
    }

    /// Sets a new password without the old one: for the command line.
    #[tracing::instrument(target = "taskwire::span", name = "user.reset_password", skip_all)]
    pub async fn reset_password(self, actor: &Actor, id: UserId, new: SecretString) -> Result<User> {
        self.core.passwords.check_rules("password", &new)?;
        let hash = self.core.passwords.hash(new).await?;
        let (transaction, user) = self.open(actor, id).await?;
        let user = self.replace_password(actor, &transaction, &user, hash).await?;
        transaction.commit().await?;
        Ok(user)
    }

    /// Replaces the password hash of a locked account. Ends all sessions, and clears its known addresses and its failed
    /// logins.
    pub(in crate::domain) async fn replace_password(
        self,
        actor: &Actor,
        transaction: &WriteTransaction,
        user: &User,
        hash: String,
    ) -> Result<User> {
        let permit = policy::permit(actor, ChangePassword, user)?;
        let now = self.core.clock.now();
        store::user::set_password(transaction, &permit, hash, now).await?;
        store::session::login_address::forget_all(transaction, &permit).await?;
        forgive_account(transaction, user.id).await?;
        store::session::end_all(transaction, &policy::permit(actor, EndSessions, user)?, now).await?;
        self.locked(actor, transaction, user.id).await
    }

    /// Whether this is the password of an account: for the command line, and for the start of a server.
    #[tracing::instrument(target = "taskwire::span", name = "user.has_password", skip_all)]
    pub async fn has_password(self, actor: &Actor, id: UserId, password: SecretString) -> Result<bool> {
        let system = policy::system(actor)?;
        let hash = store::user::password_hash(&self.core.store.reader(actor), &system, id).await?;
        self.core.passwords.verify(password, hash).await
    }

    /// Number of active accounts that share this password as seeded accounts do, with the address of one of them.
    #[tracing::instrument(target = "taskwire::span", name = "user.find_shared_password", skip_all)]
    pub async fn find_shared_password(self, actor: &Actor, password: SecretString) -> Result<Option<(i64, String)>> {
        let system = policy::system(actor)?;
        let Some(shared) = store::user::shared_password(&self.core.store.reader(actor), &system).await? else {
            return Ok(None);
        };
        let is_right = self.core.passwords.verify(password, Some(shared.password_hash)).await?;
        Ok(is_right.then_some((shared.accounts, shared.email)))
    }

    /// Deletes an account. Its tasks are transferred to `transfer_to`, or purged if that is absent. Tasks assigned to
    /// it are unassigned. Each task gets an event. Its attachments of remaining tasks go to the owners of the tasks;
    /// its files without a task are deleted.
    #[tracing::instrument(target = "taskwire::span", name = "user.delete", skip_all)]
    pub async fn delete(self, actor: &Actor, id: UserId, transfer_to: Option<UserId>) -> Result<User> {
        // A refused request must not lock all tasks of the account.
        policy::permit(actor, DeleteUser, &self.get(actor, id).await?)?;
        let (transaction, user) = self.open_deletion(actor, id).await?;
        let permit = policy::permit(actor, DeleteUser, &user)?;
        self.require_other_admin(actor, &transaction, id).await?;
        if let Some(new_owner) = transfer_to {
            let scope = policy::scope(actor)?;
            if new_owner == id || !store::user::is_active(transaction.connection(), &scope, new_owner).await? {
                let message = format!("transfer_to: there is no other active user {new_owner}");
                return Err(Error::invalid("transfer_to", message));
            }
        }
        let tasks = Tasks::new(self.core);
        let mut files = tasks.release_all_of(actor, &transaction, id, transfer_to).await?;
        store::attachment::hand_over(&transaction, &permit, self.core.clock.now()).await?;
        files.extend(store::attachment::keys_of_user(&transaction, &permit).await?);
        let removal = Removal::plan(&transaction, files, self.core.clock.now()).await?;
        store::user::delete(&transaction, &permit, self.core.clock.now()).await?;
        transaction.commit().await?;
        removal.carry_out(self.core).await;
        Ok(user)
    }

    /// Starts a write and locks the account until the transaction ends.
    pub(in crate::domain) async fn open(self, actor: &Actor, id: UserId) -> Result<(WriteTransaction, User)> {
        self.open_change(actor, id, false).await
    }

    /// Like [`open`](Self::open). A change that may remove an administrator locks all administrators first, in one
    /// order: otherwise two administrators who remove each other at the same time would deadlock.
    async fn open_change(self, actor: &Actor, id: UserId, removes_admin: bool) -> Result<(WriteTransaction, User)> {
        let transaction = self.core.store.begin().await?;
        if removes_admin {
            self.lock_admins(actor, &transaction).await?;
        }
        let user = self.locked(actor, &transaction, id).await?;
        Ok((transaction, user))
    }

    /// Like [`open_change`](Self::open_change), and locks the tasks of the account before it, in the order of the writes
    /// of tasks. The locked account gets no further tasks.
    async fn open_deletion(self, actor: &Actor, id: UserId) -> Result<(WriteTransaction, User)> {
        let scope = policy::scope(actor)?;
        loop {
            let transaction = self.core.store.begin().await?;
            let tasks = store::task::lock_ids_of(&transaction, &scope, id).await?;
            self.lock_admins(actor, &transaction).await?;
            let user = self.locked(actor, &transaction, id).await?;
            if store::task::ids_of(&transaction, &scope, id).await? == tasks {
                return Ok((transaction, user));
            }
            // It got a task meanwhile. The next attempt locks that one first, too.
        }
    }

    /// Locks all administrators. Other actors are refused by the rule of their action.
    async fn lock_admins(self, actor: &Actor, transaction: &WriteTransaction) -> Result<()> {
        if let Ok(scope) = policy::scope(actor) {
            store::user::lock_active_admins(transaction, &scope).await?;
        }
        Ok(())
    }

    /// Commits, and returns the account after the write.
    async fn finish(self, actor: &Actor, transaction: WriteTransaction, id: UserId) -> Result<User> {
        let user = self.locked(actor, &transaction, id).await?;
        transaction.commit().await?;
        Ok(user)
    }

    /// The account as seen in the transaction, locked until it ends.
    async fn locked(self, actor: &Actor, transaction: &WriteTransaction, id: UserId) -> Result<User> {
        let scope = policy::scope::<UserNoun>(actor)?;
        store::user::lock(transaction, &scope, id)
            .await?
            .ok_or_else(|| Error::not_found(id))
    }

    /// Fails if the change would leave no active administrator.
    async fn require_other_admin(self, actor: &Actor, transaction: &WriteTransaction, leaving: UserId) -> Result<()> {
        let scope = policy::scope(actor)?;
        let admins = store::user::lock_active_admins(transaction, &scope).await?;
        if admins == [leaving] {
            return Err(Error::forbidden(
                "This is the last active administrator: give another account the role of an administrator first",
            ));
        }
        Ok(())
    }

    /// The user with this e-mail address or username: for the command line.
    #[tracing::instrument(target = "taskwire::span", name = "user.find_by_login", skip_all)]
    pub async fn find_by_login(self, actor: &Actor, login: &str) -> Result<Option<User>> {
        let system = policy::system(actor)?;
        let found = store::user::find_login(&self.core.store.reader(actor), &system, login).await?;
        Ok(found.map(|login| login.user))
    }

    /// Whether there is no account yet: for the start of a new server.
    #[tracing::instrument(target = "taskwire::span", name = "user.is_empty", skip_all)]
    pub async fn is_empty(self, actor: &Actor) -> Result<bool> {
        Ok(self.count(actor).await? == 0)
    }
}
