//! Settings of the HTTP server.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use ipnet::IpNet;
use url::Url;

use super::{
    ConfigError, ConnectionConfig, Environment,
    reader::{SECOND, SettingsReader, refuse},
};

/// Settings of the HTTP server.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    pub(crate) host: IpAddr,
    pub(crate) unsafe_development_on_network: bool,
    pub(crate) port: u16,
    pub(crate) server_url: Option<String>,
    /// `ROOT_PATH`, or the path of `SERVER_URL`; without a slash at the end, empty for `/`.
    pub(crate) root_path: String,
    pub(crate) cors_origins: CorsOrigins,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) body_limit: usize,
    /// Time for running requests to finish.
    pub shutdown_timeout: Duration,
    /// Time before `shutdown_timeout` in which the server still accepts requests.
    pub shutdown_drain: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) connections: ConnectionConfig,
}

/// Origins whose scripts may call the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Every origin.
    Any,
    /// These origins, spelled as browsers send them: lower case, no trailing slash, no default port.
    List(Vec<String>),
}

impl fmt::Display for CorsOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::List(origins) if origins.is_empty() => f.write_str("[]"),
            Self::List(origins) => f.write_str(&origins.join(",")),
        }
    }
}

impl HttpConfig {
    pub(super) fn read(reader: &SettingsReader<'_>, environment: Environment) -> Result<Self, ConfigError> {
        let server_url = reader.url("SERVER_URL", &["http", "https"])?;
        Ok(Self {
            host: reader.record("SERVER_HOST", host(reader, environment)?),
            unsafe_development_on_network: reader.flag("UNSAFE_DEVELOPMENT_ON_NETWORK", false)?,
            port: reader.record("SERVER_PORT", port(reader)?),
            root_path: reader.record("ROOT_PATH", root_path(reader, server_url.as_deref())?),
            server_url,
            cors_origins: reader.record("CORS_ORIGINS", cors_origins(reader, environment)?),
            trusted_proxies: trusted_proxies(reader, environment)?,
            body_limit: reader.number("BODY_LIMIT_BYTES", 1024 * 1024, 1024..=1024 * 1024 * 1024)?,
            shutdown_timeout: reader.duration("SHUTDOWN_TIMEOUT_SECONDS", SECOND, 10, 0..=3600)?,
            shutdown_drain: reader.duration("SHUTDOWN_DRAIN_SECONDS", SECOND, default_drain(environment), 0..=3600)?,
            request_timeout: reader.duration("REQUEST_TIMEOUT_SECONDS", SECOND, 30, 1..=3600)?,
            connections: ConnectionConfig::read(reader)?,
        })
    }

    /// The start of this server's URLs: an absolute URL if `SERVER_URL` is set, else a path.
    pub(crate) fn base_url(&self) -> &str {
        match &self.server_url {
            Some(url) => url.trim_end_matches('/'),
            None => &self.root_path,
        }
    }

    /// Fails for a development server that other machines can reach: its administrator has a known password.
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

/// Accepts only characters that need no escaping in a URL or in HTML.
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

fn port(reader: &SettingsReader<'_>) -> Result<u16, ConfigError> {
    reader.number(reader.first_set(["SERVER_PORT", "PORT"]), 8000, 0..=u16::MAX)
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

/// An origin as browsers send it, app schemes such as `capacitor://localhost` included. A `*` in a host is a valid URL,
/// but no browser sends it.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let host = url
        .host_str()
        .filter(|host| bare && !host.is_empty() && !host.contains('*') && url.username().is_empty())?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{host}{port}", url.scheme()))
}

fn trusted_proxies(reader: &SettingsReader<'_>, environment: Environment) -> Result<Vec<IpNet>, ConfigError> {
    let name = "TRUSTED_PROXIES";
    let allowed = "addresses or networks, such as 10.0.0.0/8";
    let items = reader.list(name)?.unwrap_or_default();
    let network = |item: &String| network(item).ok_or_else(|| refuse(name, item, allowed));
    let networks = items.iter().map(network).collect::<Result<Vec<IpNet>, _>>()?;
    // Adjacent small networks together can be a large one.
    let merged = IpNet::aggregate(&networks);
    if environment.is_production() && merged.iter().any(is_internet) {
        let allowed = "in production, the addresses or networks of your own proxies, such as 10.0.0.0/8: with others, \
            clients choose the address that rate limits use";
        return Err(refuse(name, &items.join(","), allowed));
    }
    let shown: Vec<String> = networks.iter().map(ToString::to_string).collect();
    reader.record(name, shown.join(","));
    Ok(networks)
}

/// Converts an IPv4-mapped IPv6 network to IPv4, like the addresses of clients.
fn network(text: &str) -> Option<IpNet> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    let IpNet::V6(v6) = network else {
        return Some(network);
    };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(MAPPED_BITS));
    mapped.map_or(Some(network), |(address, bits)| IpNet::new(address.into(), bits).ok())
}

/// Length of the prefix of IPv4-mapped IPv6 addresses.
const MAPPED_BITS: u8 = 96;
/// Shortest allowed prefixes: no operator of proxies has a larger network in the internet.
const LARGEST_IPV4: u8 = 8;
const LARGEST_IPV6: u8 = 16;

/// Whether a network is so large that it contains clients. Private IPv6 networks are large, but contain none.
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
