//! A node as it looks from here.

use super::{Finding, stun};
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PATIENCE: Duration = Duration::from_secs(5);
/// Tokens have a minute of leeway.
const SKEW_S: u64 = 45;

/// Tries everything a client needs of the node at `server`.
pub async fn visit(server: &str, token: Option<&str>) -> Vec<Finding> {
    let Ok(base) = Url::parse(server) else {
        return vec![Finding::bad("server", format!("{server:?} is no address; write it like https://meet.example"))];
    };
    let client = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).no_proxy().build();
    let Ok(client) = client else { return vec![Finding::bad("server", "this system gives no TLS")] };
    let mut all = Vec::new();
    let answer = match client.get(join(&base, "/healthz")).send().await {
        Ok(answer) if answer.status() == StatusCode::OK => answer,
        Ok(answer) => {
            let why = format!(
                "{base} answers {} where a node says 200; something in between, or another program",
                answer.status()
            );
            return vec![Finding::bad("server", why)];
        }
        Err(error) => {
            let why =
                format!("{base} cannot be reached ({}); is it running, and is its port open?", error.without_url());
            return vec![Finding::bad("server", why)];
        }
    };
    all.push(Finding::good("server", format!("{base} answers")));
    all.extend(secure(&base));
    all.extend(clock(answer.headers().get("date").and_then(|date| date.to_str().ok())));
    all.push(websocket(&client, &base).await);
    all.extend(relay(&client, &base, token).await);
    all
}

fn join(base: &Url, path: &str) -> Url {
    base.join(path).unwrap_or_else(|_| base.clone())
}

fn secure(base: &Url) -> Option<Finding> {
    let local = matches!(base.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if base.scheme() == "https" {
        return Some(Finding::good("https", "the connection is secure: browsers give camera and microphone"));
    }
    (!local).then(|| {
        Finding::bad(
            "https",
            "browsers give no camera and no microphone to pages over http; put TLS in front of the node",
        )
    })
}

/// The other clock, from the header every HTTP server sends.
fn clock(date: Option<&str>) -> Option<Finding> {
    let theirs = seconds_of(date?)?;
    let ours = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let apart = ours.abs_diff(theirs);
    Some(if apart > SKEW_S {
        Finding::bad(
            "clock",
            format!(
                "the clocks are {apart} seconds apart: tokens are refused as expired or not yet valid; start NTP on both"
            ),
        )
    } else {
        Finding::good("clock", "both clocks show the same time")
    })
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7) in seconds since 1970.
fn seconds_of(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut parts = date.split(' ').skip(1);
    let day: u64 = parts.next()?.parse().ok()?;
    let month = MONTHS.iter().position(|name| Some(*name) == date.split(' ').nth(2))? as u64 + 1;
    let year: u64 = parts.nth(1)?.parse().ok()?;
    let mut time = parts.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    // Days since 1970, with years that begin in March.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    Some(days.checked_sub(719_468)? * 86_400 + hour * 3600 + minute * 60 + second)
}

async fn websocket(client: &Client, base: &Url) -> Finding {
    let request = client.get(join(base, "/connection/websocket")).header("connection", "Upgrade");
    let request = request.header("upgrade", "websocket").header("sec-websocket-version", "13");
    match request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").send().await {
        Ok(answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
            Finding::good("websocket", "WebSockets pass")
        }
        Ok(answer) => Finding::bad(
            "websocket",
            format!(
                "WebSockets do not pass ({}): a proxy in between must forward the Upgrade and Connection headers",
                answer.status()
            ),
        ),
        Err(error) => Finding::bad(
            "websocket",
            format!(
                "WebSockets do not pass ({}): a proxy in between must forward the Upgrade and Connection headers",
                error.without_url()
            ),
        ),
    }
}

async fn relay(client: &Client, base: &Url, token: Option<&str>) -> Vec<Finding> {
    let mut request = client.get(join(base, "/v1/ice"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = match request.send().await {
        Ok(answer) if answer.status() == StatusCode::OK => answer.text().await.unwrap_or_default(),
        Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
            return vec![Finding::weak("relay", "the node tells its relay to those with a token alone; say --token")];
        }
        Ok(_) | Err(_) => {
            return vec![Finding::bad(
                "relay",
                "the node has no relay: clients behind strict firewalls cannot take part; see turn.enabled and its log",
            )];
        }
    };
    let body: Value = serde_json::from_str(&answer).unwrap_or_default();
    let urls = body["iceServers"].as_array().into_iter().flatten().filter_map(|server| server["urls"].as_array());
    let mut all = Vec::new();
    for url in urls.flatten().filter_map(Value::as_str) {
        all.extend(probe(url).await);
    }
    all
}

async fn probe(url: &str) -> Option<Finding> {
    let (scheme, rest) = url.split_once(':')?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let resolved = async { tokio::net::lookup_host(place).await.ok()?.next() };
    let Some(address): Option<SocketAddr> = resolved.await else {
        return Some(Finding::bad(
            "relay-name",
            format!("{place} leads nowhere: the name of the relay cannot be resolved"),
        ));
    };
    match (scheme, query.contains("tcp")) {
        ("turn", false) => Some(match stun::udp(address).await {
            Ok(seen) => Finding::good("relay-udp", format!("the relay answers over UDP; from there we are {seen}")),
            Err(_) => Finding::bad(
                "relay-udp",
                format!(
                    "UDP to {place} does not pass: open port {}/udp; until then calls take TCP, which stutters",
                    address.port()
                ),
            ),
        }),
        ("turn", true) => Some(match stun::tcp(address).await {
            Ok(_) => Finding::good("relay-tcp", "the relay answers over TCP"),
            Err(_) => Finding::bad(
                "relay-tcp",
                format!("TCP to {place} does not pass: open port {}/tcp, for networks without UDP", address.port()),
            ),
        }),
        ("turns", _) => Some(match tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(address)).await {
            Ok(Ok(_)) => Finding::good("relay-tls", "the relay takes connections for TLS"),
            _ => Finding::bad("relay-tls", format!("TLS to {place} does not pass: open port {}/tcp", address.port())),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn dates_of_headers() {
        assert_eq!(super::seconds_of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(super::seconds_of("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(super::seconds_of("Thu, 29 Feb 2024 23:59:59 GMT"), Some(1_709_251_199));
        assert_eq!(super::seconds_of("yesterday"), None);
    }
}
