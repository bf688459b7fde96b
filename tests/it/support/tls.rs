//! A server whose certificate nobody vouches for. It signed it itself, for `localhost`, for a hundred years.

use std::{net::TcpListener, sync::Arc, thread};

use rustls::{
    ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// Starts it; it lasts as long as the tests do. Returns its address.
pub fn self_signed() -> String {
    let certificate = CertificateDer::from(include_bytes!("self-signed.cert.der").as_slice());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(include_bytes!("self-signed.key.der").as_slice()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .expect("the files belong together");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut session = ServerConnection::new(config.clone()).expect("the configuration is right");
            // The client refuses, which ends it.
            while session.is_handshaking() && session.complete_io(&mut connection).is_ok() {}
        }
    });
    format!("https://localhost:{port}")
}
