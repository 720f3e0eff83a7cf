//! The listener and what it lets in.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use ipnet::IpNet;
use url::Url;

use super::{
    ConfigError, ConnectionConfig, Environment,
    reader::{SECOND, SettingsReader, refuse},
};

/// The listener and what it lets in.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// `SERVER_HOST`, an address or `localhost`, default `127.0.0.1` in development and `0.0.0.0` in production.
    pub host: IpAddr,
    /// `UNSAFE_DEVELOPMENT_ON_NETWORK`, default false: lets a development server listen on `host` if that is no
    /// loopback address. Meant for containers whose port is published on the loopback address only.
    pub unsafe_development_on_network: bool,
    /// `SERVER_PORT`, else `PORT`, default 8000, 0 to 65535; 0 takes any free port.
    pub port: u16,
    /// `SERVER_URL`, default none: `http://` or `https://`, the address at which clients reach this server. URLs of files
    /// start with it, or with `root_path` without it.
    pub server_url: Option<String>,
    /// `ROOT_PATH`, default the path of `SERVER_URL`: the path under which a reverse proxy serves this server, such as
    /// `/taskwire`; without a slash at the end, empty for `/`.
    pub root_path: String,
    /// `CORS_ORIGINS`, else `BACKEND_CORS_ORIGINS`: a JSON list or commas, default any in development and none in
    /// production, where `*` is refused.
    pub cors_origins: CorsOrigins,
    /// `TRUSTED_PROXIES`, addresses or networks whose `X-Forwarded-For` counts: a JSON list or commas, default none. In
    /// production the whole internet, or nearly so, is refused.
    pub trusted_proxies: Vec<IpNet>,
    /// `BODY_LIMIT_BYTES`, in bytes, default 1048576, 1024 to 1073741824; uploads have their own limit.
    pub body_limit: usize,
    /// `SHUTDOWN_TIMEOUT_SECONDS`, in seconds, default 10, 0 to 3600.
    pub shutdown_timeout: Duration,
    /// `SHUTDOWN_DRAIN_SECONDS`, in seconds, default 5 in production and 0 in development, 0 to 3600: how long a
    /// stopping server fails its readiness check and still accepts connections, before `shutdown_timeout` starts.
    pub shutdown_drain: Duration,
    /// `REQUEST_TIMEOUT_SECONDS`, in seconds, default 30, 1 to 3600.
    pub request_timeout: Duration,
    /// How many connections there may be, and how long they may do nothing.
    pub connections: ConnectionConfig,
}

/// The sites whose scripts may call the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Every site.
    Any,
    /// These origins, spelled as browsers send them: lower case, no trailing slash, no default port.
    List(Vec<String>),
}

impl HttpConfig {
    pub(super) fn read(reader: &SettingsReader<'_>, environment: Environment) -> Result<Self, ConfigError> {
        let server_url = reader.url("SERVER_URL", &["http", "https"])?;
        Ok(Self {
            host: host(reader, environment)?,
            unsafe_development_on_network: reader.flag("UNSAFE_DEVELOPMENT_ON_NETWORK", false)?,
            port: reader.number(reader.first_set(["SERVER_PORT", "PORT"]), 8000, 0..=u16::MAX)?,
            root_path: root_path(reader, server_url.as_deref())?,
            server_url,
            cors_origins: cors_origins(reader, environment)?,
            trusted_proxies: trusted_proxies(reader, environment)?,
            body_limit: reader.number("BODY_LIMIT_BYTES", 1024 * 1024, 1024..=1024 * 1024 * 1024)?,
            shutdown_timeout: reader.duration("SHUTDOWN_TIMEOUT_SECONDS", SECOND, 10, 0..=3600)?,
            shutdown_drain: reader.duration("SHUTDOWN_DRAIN_SECONDS", SECOND, default_drain(environment), 0..=3600)?,
            request_timeout: reader.duration("REQUEST_TIMEOUT_SECONDS", SECOND, 30, 1..=3600)?,
            connections: ConnectionConfig::read(reader)?,
        })
    }
}

impl HttpConfig {
    /// What URLs of this server start with: an absolute URL if `SERVER_URL` is set, else a path.
    pub(crate) fn base_url(&self) -> &str {
        match &self.server_url {
            Some(url) => url.trim_end_matches('/'),
            None => &self.root_path,
        }
    }

    /// Refuses a development server that other machines can reach: its administrator has a known password.
    pub(crate) fn check_exposure(&self, environment: Environment) -> Result<(), ConfigError> {
        if self.unsafe_development_on_network || !self.is_exposed_development(environment) {
            return Ok(());
        }
        let allowed = "in development, a loopback address such as SERVER_HOST=127.0.0.1; to listen on a network, set \
            APP_ENV=production and a SECRET_KEY (`taskwire config init --production` prints both)";
        Err(refuse("SERVER_HOST", &self.host.to_string(), allowed))
    }

    /// Whether other machines may reach a development server.
    pub(crate) fn is_exposed_development(&self, environment: Environment) -> bool {
        !environment.is_production() && !self.host.to_canonical().is_loopback()
    }
}

/// Only characters that need no escaping in a URL or in HTML.
fn root_path(reader: &SettingsReader<'_>, server_url: Option<&str>) -> Result<String, ConfigError> {
    let parse = |value: &str| {
        let path = value.trim_end_matches('/');
        let is_plain = |segment: &str| {
            let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !segment.is_empty() && !matches!(segment, "." | "..") && segment.bytes().all(is_unreserved)
        };
        let mut segments = path.split('/');
        (segments.next() == Some("") && segments.all(is_plain)).then(|| path.to_owned())
    };
    let allowed = "a path such as /taskwire, of letters, digits, `-`, `.`, `_`, `~` and `/`";
    if let Some(path) = reader.parsed("ROOT_PATH", allowed, parse)? {
        return Ok(path);
    }
    let Some(url) = server_url.and_then(|url| Url::parse(url).ok()) else {
        return Ok(String::new());
    };
    parse(url.path()).ok_or_else(|| refuse("SERVER_URL", url.as_str(), &format!("a URL, with {allowed}")))
}

/// In production a load balancer needs time to notice that the server is not ready.
fn default_drain(environment: Environment) -> u64 {
    if environment.is_production() { 5 } else { 0 }
}

fn host(reader: &SettingsReader<'_>, environment: Environment) -> Result<IpAddr, ConfigError> {
    let default = if environment.is_production() {
        Ipv4Addr::UNSPECIFIED
    } else {
        Ipv4Addr::LOCALHOST
    };
    let parse = |value: &str| match value {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        address => address.trim_start_matches('[').trim_end_matches(']').parse().ok(),
    };
    Ok(reader
        .parsed("SERVER_HOST", "an IP address or localhost", parse)?
        .unwrap_or(default.into()))
}

fn cors_origins(reader: &SettingsReader<'_>, environment: Environment) -> Result<CorsOrigins, ConfigError> {
    let name = reader.first_set(["CORS_ORIGINS", "BACKEND_CORS_ORIGINS"]);
    let Some(items) = reader.list(name)? else {
        let none = CorsOrigins::List(Vec::new());
        return Ok(if environment.is_production() {
            none
        } else {
            CorsOrigins::Any
        });
    };
    if items.iter().any(|item| item == "*") {
        if environment.is_production() {
            return Err(refuse(
                name,
                "*",
                "in production, the origins by name, such as https://app.acme.com",
            ));
        }
        return Ok(CorsOrigins::Any);
    }
    let allowed = "*, or origins such as https://app.acme.com, without a path";
    let origins = items
        .iter()
        .map(|item| origin(item).ok_or_else(|| refuse(name, item, allowed)));
    origins.collect::<Result<_, _>>().map(CorsOrigins::List)
}

/// An origin as browsers send it, app schemes such as `capacitor://localhost` included.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let host = url
        .host_str()
        .filter(|host| bare && !host.is_empty() && url.username().is_empty())?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{host}{port}", url.scheme()))
}

fn trusted_proxies(reader: &SettingsReader<'_>, environment: Environment) -> Result<Vec<IpNet>, ConfigError> {
    let name = "TRUSTED_PROXIES";
    let allowed = "addresses or networks, such as 10.0.0.0/8";
    let items = reader.list(name)?.unwrap_or_default();
    let network = |item: &String| network(item).ok_or_else(|| refuse(name, item, allowed));
    let networks = items.iter().map(network).collect::<Result<Vec<IpNet>, _>>()?;
    // Small ones that lie side by side make a large one.
    let merged = IpNet::aggregate(&networks);
    if environment.is_production() && merged.iter().any(is_internet) {
        let allowed = "in production, the addresses or networks of your own proxies, such as 10.0.0.0/8: with others, \
            clients choose the address that they are counted by";
        return Err(refuse(name, &items.join(","), allowed));
    }
    Ok(networks)
}

/// A network or an address. One of IPv4 that is written as IPv6 is one of IPv4, as addresses of clients are.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    let IpNet::V6(v6) = network else {
        return Some(network);
    };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS));
    mapped.map_or(Some(network), |(address, bits)| IpNet::new(address.into(), bits).ok())
}

/// How many bits mark an IPv6 address as one of IPv4.
const MAPPED_BITS: u8 = 96;
/// No operator of proxies has a larger network in the internet than these.
const LARGEST_IPV4: u8 = 8;
const LARGEST_IPV6: u8 = 16;

/// Whether a network is so large that clients are in it, too. The private networks of IPv6 are large, and nobody's clients.
fn is_internet(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < LARGEST_IPV4,
        IpNet::V6(network) => {
            let first = network.network();
            let is_private = network.prefix_len() >= 7 && (first.is_unique_local() || first.is_unicast_link_local());
            network.prefix_len() < LARGEST_IPV6 && !is_private
        }
    }
}
