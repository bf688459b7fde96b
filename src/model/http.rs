//! The one HTTP client, and what is wrong when it hears nothing. Knows no model.

use std::{error::Error, io, sync::OnceLock, time::Duration};

use crate::model::error::Cause;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Long enough that a batch never connects twice.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Builds its client when it is first needed: reading the system's certificates takes longer than starting the server.
#[derive(Debug, Default)]
pub struct Http(OnceLock<Result<reqwest::Client, String>>);

impl Http {
    pub fn client(&self) -> Result<&reqwest::Client, Cause> {
        self.0
            .get_or_init(|| build().map_err(|error| root(&error)))
            .as_ref()
            .map_err(|error| Cause::Connection(error.clone()))
    }
}

fn build() -> reqwest::Result<reqwest::Client> {
    // Fails when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        // A redirect would carry the prompt, and keys in headers of their own, to another host.
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // Neither the environment nor the system decides who sees the prompts.
        .no_proxy()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .http2_adaptive_window(true)
        .user_agent(concat!("stepwright/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Why a request couldn't be sent, or its response not be read.
pub fn cause(error: reqwest::Error) -> Cause {
    let error = error.without_url();
    let mut source: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = source {
        if let Some(tls) = tls(error) {
            return Cause::Certificate(tls.to_string());
        }
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return Cause::ConnectionRefused;
        }
        // The connector's type for this is private.
        if error.to_string().starts_with("dns error") {
            return Cause::UnknownHost;
        }
        source = error.source();
    }
    Cause::Connection(root(&error))
}

/// The TLS error in I/O errors, which hide what they wrap from `source`.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = || error.downcast_ref::<io::Error>()?.get_ref();
    error.downcast_ref().or_else(|| tls(wrapped()?))
}

/// The last link of the chain, which says most: the others are the layers that handed it on.
fn root(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => root(source),
        None => error.to_string(),
    }
}
