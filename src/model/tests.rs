use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use super::*;
use crate::model::key::Credential;

/// Answers each connection with these pages in turn; returns its address.
fn serve(pages: Vec<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for page in pages {
            let (mut connection, _) = listener.accept().unwrap();
            assert!(connection.read(&mut [0; 4096]).unwrap() > 0, "a request");
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", page.len());
            connection.write_all(&[head.as_bytes(), page.as_bytes()].concat()).unwrap();
        }
    });
    address
}

/// Models come and go, so a server's own list says which is the newest of those that nobody chose.
#[tokio::test]
async fn without_a_choice_the_newest_of_a_family_is_used() {
    let list = r#"{"data":[{"id":"claude-opus-9"},{"id":"claude-sonnet-9"},{"id":"claude-haiku-8"},{"id":"claude-sonnet-8"}]}"#;
    let settings = Settings { summary: false, ..Settings::default() };
    let router = Router::new(&settings, &|_| None, Tuning::default());
    let target = |address: &str, model: &str| Target {
        provider: "anthropic".to_owned(),
        model: model.to_owned(),
        address: Address::parse(address, Dialect::Anthropic).unwrap(),
        address_setting: String::new(),
        credential: Arc::new(Credential::None),
        facts: Default::default(),
        family: Some("sonnet"),
    };
    // One page: what was found is remembered.
    let server = serve(vec![list]);
    for _ in 0..2 {
        let client = router.newest(target(&server, "claude-sonnet-5-5"), "sonnet").await;
        assert_eq!(client.target().name(), "anthropic/claude-sonnet-9");
        assert_eq!(client.target().family, None);
    }
    // Without a list it is the one that we know, until there is one.
    let server = serve(vec!["{}", list]);
    for name in ["anthropic/claude-haiku-4-5", "anthropic/claude-haiku-8"] {
        let client = router.newest(target(&server, "claude-haiku-4-5"), "haiku").await;
        assert_eq!(client.target().name(), name);
    }
}
