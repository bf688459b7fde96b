//! Drives `serve` over pipes with a small server whose commands misbehave.

mod insults;
mod peer;

use std::thread;

use serde_json::json;

use self::peer::{Peer, frame};

#[test]
fn what_is_sent_byte_by_byte_or_all_at_once_is_answered() {
    let mut peer = Peer::initialized();
    for byte in
        frame(&json!({"id": 1, "method": "workspace/executeCommand", "params": {"command": "echo", "arguments": []}}))
    {
        peer.send_bytes(&[byte]);
    }
    assert_eq!(peer.receive()["id"], 1);

    let many = (0..1000).map(|id| {
        frame(
            &json!({"id": id, "method": "workspace/executeCommand", "params": {"command": "echo", "arguments": [id]}}),
        )
    });
    peer.send_bytes(&many.collect::<Vec<_>>().concat());
    for id in 0..1000 {
        assert_eq!(peer.receive(), json!({"jsonrpc": "2.0", "id": id, "result": [id]}));
    }
}

#[test]
fn changes_are_seen_in_order() {
    let mut peer = Peer::initialized();
    let changes = (1..=8).map(|version| frame(&peer::change("file:///a", version, "x")));
    peer.send_bytes(&changes.collect::<Vec<_>>().concat());
    assert_eq!(peer.command("versions", json!([])), json!([1, 2, 3, 4, 5, 6, 7, 8]));
}

#[test]
fn what_a_handler_sends_goes_out_before_its_response() {
    let mut peer = Peer::initialized();
    peer.send(
        &json!({"id": 1, "method": "workspace/executeCommand", "params": {"command": "log", "arguments": [100]}}),
    );
    for index in 0..100 {
        assert_eq!(peer.receive()["params"]["message"], index.to_string());
    }
    assert_eq!(peer.receive()["id"], 1);
}

#[test]
fn handlers_that_wait_block_nobody_and_can_be_cancelled() {
    let mut peer = Peer::initialized();
    for id in 100..110 {
        peer.send(&json!({"id": id, "method": "workspace/executeCommand", "params": {"command": "wait"}}));
    }
    peer.probe("while ten handlers wait");
    // The same id again, while it is in use.
    peer.send(&json!({"id": 100, "method": "workspace/executeCommand", "params": {"command": "echo"}}));
    assert_eq!(peer.receive()["error"]["code"], -32600);
    peer.send(&json!({"method": "$/cancelRequest", "params": {"id": 100}}));
    let cancelled = peer.receive();
    assert_eq!((&cancelled["id"], &cancelled["error"]["code"]), (&json!(100), &json!(-32800)));
    assert_eq!(peer.exit_code_after(|peer| peer.send(&json!({"method": "exit"}))), 1);
}

#[test]
fn a_panic_is_answered_without_its_text() {
    let mut peer = Peer::initialized();
    for command in ["panic", "panic later"] {
        peer.send(&json!({"id": command, "method": "workspace/executeCommand", "params": {"command": command}}));
        let error = json!({"code": -32603, "message": "Internal error"});
        assert_eq!(peer.receive(), json!({"jsonrpc": "2.0", "id": command, "error": error}));
        peer.probe(command);
    }
    peer.send(&peer::change("file:///panic", 1, "x"));
    peer.probe("after a panic in a notification");
}

#[test]
fn answers_of_the_client_arrive() {
    let mut peer = Peer::initialized();
    for (reply, outcome) in [
        (json!({"result": {"applied": true}}), "applied true"),
        (json!({"result": {"applied": null}}), "error -32700"),
        (json!({"error": {"code": -32601, "message": "no", "more": 1}}), "error -32601"),
        (json!({"error": 5}), "error -32603"),
    ] {
        peer.send(&json!({"id": "c", "method": "workspace/executeCommand", "params": {"command": "apply"}}));
        let request = peer.receive();
        assert_eq!(request["method"], "workspace/applyEdit");
        let mut response = reply;
        response["id"] = request["id"].clone();
        peer.send(&response);
        assert_eq!(peer.receive()["result"], outcome);
    }
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_is_ignored() {
    let mut peer = Peer::initialized();
    peer.send(&json!({"id": "c", "method": "workspace/executeCommand", "params": {"command": "forget"}}));
    let request = peer.receive();
    assert_eq!(request["method"], "workspace/applyEdit");
    assert_eq!(peer.receive()["id"], "c");
    peer.send(&json!({"id": request["id"], "result": {"applied": true}}));
    peer.probe("after a late answer");
}

#[test]
fn what_follows_a_slow_initialize_waits_for_it() {
    let mut peer = Peer::start();
    let initialize = json!({"id": 0, "method": "initialize", "params": {"initializationOptions": "slow"}});
    let messages = [initialize, json!({"method": "initialized"}), peer::change("file:///a", 7, "x")];
    peer.send_bytes(&messages.iter().flat_map(frame).collect::<Vec<_>>());
    assert_eq!(peer.receive()["id"], 0);
    assert_eq!(peer.command("versions", json!([])), json!([7]));
}

#[test]
fn initialize_survives_what_clients_send() {
    for params in [
        json!(null),
        json!({"processId": -1, "trace": "compact", "capabilities": null}),
        json!({"capabilities": {"textDocument": {"codeAction": "yes"}, "workspace": {"applyEdit": 1}}}),
    ] {
        let mut peer = Peer::start();
        peer.send(&json!({"id": 0, "method": "initialize", "params": params}));
        assert_eq!(peer.receive()["result"], json!({"capabilities": {}}), "{params}");
    }
}

#[test]
fn requests_outside_the_session_are_refused() {
    let mut peer = Peer::start();
    peer.send(&json!({"id": 1, "method": "workspace/executeCommand", "params": {"command": "echo"}}));
    assert_eq!(peer.receive()["error"]["code"], -32002, "before initialize");
    peer.initialize();
    peer.send(&json!({"id": 1, "method": "initialize", "params": {"capabilities": {}}}));
    assert_eq!(peer.receive()["error"]["code"], -32600, "initialize for a second time");
    peer.probe("after the second initialize");
    peer.send(&json!({"id": 1, "method": "shutdown", "params": null}));
    assert_eq!(peer.receive()["result"], json!(null));
    for method in ["shutdown", "workspace/executeCommand"] {
        peer.send(&json!({"id": 1, "method": method, "params": {"command": "echo"}}));
        assert_eq!(peer.receive()["error"]["code"], -32600, "{method} after shutdown");
    }
    assert_eq!(peer.exit_code_after(|peer| peer.send(&json!({"method": "exit", "params": {}}))), 0);
}

#[test]
fn it_ends_whatever_happens() {
    let wait = |peer: &mut Peer| peer.send_command("wait", json!([]));
    let block = |peer: &mut Peer| peer.send_command("block", json!([]));
    let shutdown = |peer: &mut Peer| peer.send(&json!({"id": "s", "method": "shutdown"}));
    let exit = |peer: &mut Peer| peer.send(&json!({"method": "exit"}));
    // More than the pipe and all buffers hold, so that the writer stays blocked.
    let large = |peer: &mut Peer| peer.send_command("large", json!([1 << 20]));
    type Step<'a> = &'a (dyn Fn(&mut Peer) + Sync);
    let cases: &[(&str, &[Step], u8)] = &[
        ("end of input", &[&Peer::close], 1),
        ("end of input while a handler waits", &[&wait, &Peer::close], 1),
        ("end of input while a handler blocks its thread", &[&block, &Peer::close], 1),
        ("end of input within a frame", &[&|peer| peer.send_bytes(b"Content-Length: 9\r\n\r\n{"), &Peer::close], 1),
        ("exit", &[&exit], 1),
        ("exit with more to come", &[&exit, &exit], 1),
        ("exit while a handler waits", &[&wait, &exit], 1),
        ("exit after shutdown", &[&shutdown, &exit], 0),
        ("exit after shutdown while a handler waits", &[&wait, &shutdown, &exit], 0),
        ("end of input while nobody reads", &[&large, &Peer::close], 1),
        ("exit while nobody reads", &[&large, &shutdown, &exit], 0),
        ("nobody will ever read", &[&Peer::close_output, &large, &large], 1),
    ];
    thread::scope(|scope| {
        for (name, steps, expected) in cases {
            scope.spawn(move || {
                let code = Peer::unread().exit_code_after(|peer| {
                    peer.send(&json!({"id": 0, "method": "initialize", "params": {}}));
                    steps.iter().for_each(|step| step(peer));
                });
                assert_eq!(code, *expected, "{name}");
            });
        }
    });
}
