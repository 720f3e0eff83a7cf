//! Networks that may be trusted proxies.

use super::{config, production};

fn trusted(value: &str) -> Vec<String> {
    let proxies = config(&[("TRUSTED_PROXIES", value)]).http.trusted_proxies;
    proxies.iter().map(ToString::to_string).collect()
}

#[test]
fn proxies_are_addresses_or_networks() {
    assert_eq!(
        trusted("10.0.0.0/8, 127.0.0.1, ::1"),
        ["10.0.0.0/8", "127.0.0.1/32", "::1/128"]
    );
    assert_eq!(
        trusted("::ffff:10.0.0.0/104, ::ffff:127.0.0.1"),
        ["10.0.0.0/8", "127.0.0.1/32"]
    );
}

#[test]
fn production_does_not_trust_the_internet() {
    for value in [
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/8, 0.0.0.0/0",
        r#"["::/0"]"#,
        "1.2.3.4/0",
        "0.0.0.0/1, 128.0.0.0/1",
        "0.0.0.0/1",
        "::ffff:0:0/96",
        "::/1",
        "2000::/3",
        "2000::/4, 3000::/4",
        "2000::/8",
        "fc00::/6",
    ] {
        let line = production(&[("TRUSTED_PROXIES", value)]).unwrap_err().to_string();
        assert!(line.starts_with("TRUSTED_PROXIES is "), "{line}");
        assert!(
            line.contains("; allowed: in production, the addresses or networks of your own proxies"),
            "{line}"
        );
        assert!(!trusted(value).is_empty(), "development takes {value}");
    }
    for value in [
        "10.0.0.0/8",
        "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16",
        "fc00::/7, fe80::/10",
        "fd00::/8",
        "2001:db8::/32, ::1",
        "203.0.113.7",
    ] {
        assert!(production(&[("TRUSTED_PROXIES", value)]).is_ok(), "{value}");
    }
    let many: Vec<String> = (0..=255).map(|first| format!("{first}.0.0.0/8")).collect();
    assert!(production(&[("TRUSTED_PROXIES", many.join(",").as_str())]).is_err());
}
