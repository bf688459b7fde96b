//! What a run would send and cost, told before anything is sent: one line, and a document where the client shows one.

use std::{fmt::Write, sync::Arc};

use tower_lsp::lsp_types::MessageType;

use super::{runs::RunRequest, server::Shared};
use crate::engine::{
    estimate::{self, Estimate, SentFile, SentTo},
    event::Event,
    job::{Refusal, fresh_id},
    money::grouped,
    ports::Observer,
};

/// Nobody watches an estimate being made.
struct Nobody;

impl Observer for Nobody {
    fn report(&self, _: &Event) {}
}

impl Shared {
    /// Estimates a run in the background.
    pub fn estimate(self: &Arc<Self>, request: RunRequest) {
        let shared = self.clone();
        tokio::spawn(async move {
            let job = match shared.job(&fresh_id(), &request).await {
                Ok(job) => job,
                Err(Refusal(reason)) => return shared.outbox.message(MessageType::ERROR, reason),
            };
            match estimate::estimate(job, shared.ports(Arc::new(Nobody))).await {
                Ok(estimate) => {
                    shared.outbox.message(MessageType::INFO, estimate.headline());
                    if shared.state().client.show_document {
                        shared.create_and_show("estimate", markdown(&estimate), "the estimate is there").await;
                    }
                }
                Err(error) => shared.outbox.message(MessageType::ERROR, error.to_string()),
            }
        });
    }
}

fn markdown(estimate: &Estimate) -> String {
    let mut out = format!("# Estimate: {}\n\n{}. Nothing was sent.\n", estimate.workflow, estimate.headline());
    let name = |name: &str| name.replace('|', "\\|").replace('\n', " ");
    if !estimate.files.is_empty() {
        out.push_str("\n| file | tokens | requests |\n| --- | ---: | ---: |\n");
        for (file, SentFile { tokens, requests }) in &estimate.files {
            let _ = writeln!(out, "| {} | {} | {requests} |", name(file), grouped(*tokens));
        }
    }
    out.push_str("\n| model | requests | price |\n| --- | ---: | --- |\n");
    for (model, SentTo { requests, is_price_known }) in &estimate.models {
        let price = if *is_price_known { "known" } else { "unknown" };
        let _ = writeln!(out, "| {} | {requests} | {price} |", name(model));
    }
    let (input, output) = (grouped(estimate.input), grouped(estimate.output));
    let _ = writeln!(out, "\n| tokens in | tokens out, expected | cost, expected |\n| ---: | ---: | ---: |");
    let _ = writeln!(out, "| {input} | {output} | {} |", estimate.money());
    let notes = estimate.notes();
    if !(notes.is_empty() && estimate.warnings.is_empty()) {
        out.push('\n');
    }
    for line in notes.iter().chain(&estimate.warnings) {
        let _ = writeln!(out, "- {line}");
    }
    out
}
