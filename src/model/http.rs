//! The HTTP clients, and what is wrong when they hear nothing. Knows no model.

use std::{error::Error, io, sync::OnceLock, time::Duration};

use crate::model::{address::Address, error::Cause};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Long enough that a batch never connects twice.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// Builds its clients when they are first needed: reading the system's certificates takes longer than starting the server.
#[derive(Debug, Default)]
pub struct Http {
    secure: OnceLock<Result<reqwest::Client, String>>,
    /// For this machine: needs no certificates, so it also works where there are none.
    plain: OnceLock<Result<reqwest::Client, String>>,
}

impl Http {
    /// The client for this address.
    pub fn client(&self, address: &Address) -> Result<&reqwest::Client, Cause> {
        if !address.is_secure() {
            return self.plain();
        }
        let client = || build(reqwest::Client::builder());
        self.secure.get_or_init(client).as_ref().map_err(|error| Cause::Certificate(error.clone()))
    }

    /// The client for unencrypted connections to this machine.
    pub fn plain(&self) -> Result<&reqwest::Client, Cause> {
        let client = || build(reqwest::Client::builder().tls_certs_only([]));
        self.plain.get_or_init(client).as_ref().map_err(|error| Cause::Connection(error.clone()))
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, String> {
    // Fails when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder
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
        .map_err(|error| root(&error))
}

/// Why a request couldn't be sent, or its response not be read.
pub fn cause(error: reqwest::Error) -> Cause {
    let error = error.without_url();
    let mut source: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = source {
        if let Some(tls) = tls(error) {
            return Cause::Certificate(certificate(tls));
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

/// In words, where people meet it.
fn certificate(error: &rustls::Error) -> String {
    use rustls::{CertificateError as Fault, Error::InvalidCertificate};
    let text = error.to_string();
    match error {
        InvalidCertificate(Fault::UnknownIssuer) => "nobody that this system trusts vouches for its certificate".to_owned(),
        InvalidCertificate(Fault::Expired | Fault::ExpiredContext { .. }) => "its certificate has expired".to_owned(),
        InvalidCertificate(Fault::NotValidForName | Fault::NotValidForNameContext { .. }) => {
            "its certificate is for another host".to_owned()
        }
        // What `openssl req -x509` makes unless told otherwise.
        _ if text.contains("CaUsedAsEndEntity") => {
            "its certificate is self-signed and made to sign others; one with `basicConstraints=CA:FALSE` can be trusted".to_owned()
        }
        _ => text,
    }
}

/// The last link of the chain, which says most: the others are the layers that handed it on.
fn root(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => root(source),
        None => error.to_string(),
    }
}
