//! Posting to an address.

use std::fmt::Display;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;

/// Posts the alert; any answer but 2xx is a failure. A redirection is one too: whoever follows it asks somebody else, with
/// GET and without the alert. The identifier goes along as `Idempotency-Key`, so that a receiver can tell a repetition.
pub(super) fn post(address: &str, alert_id: &str, body: &str, timeout: Duration) -> Result<(), String> {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("rdprint/", env!("CARGO_PKG_VERSION")))
        .build();
    let agent: Agent = config.into();
    let request = agent.post(address).header("content-type", "application/json").header("idempotency-key", alert_id);
    // Addresses may hold secrets in their paths, and messages end up in mails.
    let refused = |cause: &dyn Display| Err(format!("{} did not take it: {cause}", host(address)));
    match request.send(body).map(|response| response.status()) {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) if status.is_redirection() => {
            refused(&format_args!("it answered {status}, and redirections are not followed; name where it leads to"))
        }
        Ok(status) => refused(&format_args!("it answered {status}")),
        Err(error) => refused(&error),
    }
}

/// Whether this is an address of http or https with a host.
pub(super) fn check(address: &str) -> Result<(), String> {
    let uri: Uri = address.parse().map_err(|error| format!("`webhook` is no address: {error}"))?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty());
    if is_web { Ok(()) } else { Err("`webhook` must begin with https:// or http:// and name a host".to_owned()) }
}

fn host(address: &str) -> String {
    address
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.host().map(str::to_owned))
        .unwrap_or_else(|| "the webhook".to_owned())
}
