//! `kill -9` around a primary's answer: it is asked again only if nobody knows what it said, and the others follow with what it said.

use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::client::{self, Answer};
use e2e::gateway::Gateway;
use e2e::patience::until;
use e2e::wire::Wire;
use serde_json::json;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// One API that says this, but to its first request nothing if it is `shy`; and what it was sent.
fn api(shy: bool, says: &'static str) -> Result<(Api, Arc<Mutex<Vec<Wire>>>)> {
    let sent = Arc::<Mutex<Vec<Wire>>>::default();
    let seen = Arc::clone(&sent);
    let api = Api::start(move |request, stream| {
        let first = {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.push(request.clone());
            seen.len() == 1
        };
        if first && shy {
            // Until the gateway is killed, which closes the connection.
            std::io::Read::read(stream, &mut [0])?;
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        answer(stream, 201, "location: /customers/17\r\n", says.as_bytes())
    })?;
    Ok((api, sent))
}

fn gateway(folder: &Path, crm: &Api, mail: &Api) -> Result<Gateway> {
    Gateway::configured(folder, &[], |listen, admin| {
        format!(
            "listen: {listen}\nadmin: {admin}\nstore: sqlite:./data\nroutes:\n  account: {{ accept: POST /accounts, to: [crm, mail], \
             primary: {{ target: crm, wait: 60s }} }}\ntargets:\n  crm: {{ url: {}, timeout: 60s }}\n  mail: {{ url: {}, timeout: 60s, \
             body: '{{customer: $responses.crm.body.id}}' }}\n",
            crm.url(),
            mail.url()
        )
    })
}

fn post(gateway: &Gateway) -> std::io::Result<Answer> {
    let headers = [("content-type", "application/json"), ("idempotency-key", "account-1")];
    client::request(gateway.listen, "POST", "/accounts", &headers, br#"{"email":"ada@example.com"}"#)
}

fn count(sent: &Mutex<Vec<Wire>>) -> usize {
    sent.lock().unwrap_or_else(PoisonError::into_inner).len()
}

fn is_the_crms(answer: &Answer) -> Result<String> {
    ensure!((answer.status, &*answer.wire.body) == (201, br#"{"id": 17}"#.as_slice()), "{answer:?}");
    ensure!(answer.wire.header("location") == Some("/customers/17"), "{answer:?}");
    let path = answer.wire.header("fanlight-ticket").context("no ticket")?;
    Ok(path.trim_start_matches("/v1/tickets/").to_owned())
}

#[test]
fn after_the_primary_has_answered_the_others_follow_through_a_kill() -> Result<()> {
    let ((crm, asked), (mail, mailed)) = (api(false, r#"{"id": 17}"#)?, api(true, "ok")?);
    let folder = tempfile::tempdir()?;
    let mut gateway = gateway(folder.path(), &crm, &mail)?;
    let first = post(&gateway)?;
    let ticket = is_the_crms(&first)?;
    until("the mail to be on the wire", || Ok((count(&mailed) == 1).then_some(())))?;
    gateway.kill()?;
    gateway.restart()?;
    gateway.delivery(&ticket, "mail", &["delivered"])?;
    let mails = mailed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for request in &mails {
        ensure!(request.body == br#"{"customer":17}"#, "{request:?}");
    }
    let marks: Vec<_> = mails.iter().map(|request| request.header("fanlight-possible-duplicate")).collect();
    ensure!(marks == [None, Some("true")], "{marks:?}");
    let again = post(&gateway)?;
    ensure!(is_the_crms(&again)? == ticket, "{again:?}");
    ensure!((count(&asked), count(&mailed)) == (1, 2), "the CRM is not asked again");
    Ok(())
}

#[test]
fn a_primary_that_was_on_the_wire_is_asked_again_after_a_kill() -> Result<()> {
    let ((crm, asked), (mail, mailed)) = (api(true, r#"{"id": 17}"#)?, api(false, "ok")?);
    let folder = tempfile::tempdir()?;
    let mut gateway = gateway(folder.path(), &crm, &mail)?;
    let listen = gateway.listen;
    let caller = std::thread::spawn(move || {
        let headers = [("content-type", "application/json"), ("idempotency-key", "account-1")];
        client::request(listen, "POST", "/accounts", &headers, br#"{"email":"ada@example.com"}"#)
    });
    until("the CRM to be asked", || Ok((count(&asked) == 1).then_some(())))?;
    gateway.kill()?;
    let lost = caller.join().map_err(|_| anyhow::anyhow!("the caller panicked"))?;
    ensure!(lost.is_err(), "{lost:?}");
    gateway.restart()?;
    let ticket = is_the_crms(&post(&gateway)?)?;
    gateway.delivery(&ticket, "mail", &["delivered"])?;
    ensure!((count(&asked), count(&mailed)) == (2, 1), "both were asked once more, or not at all");
    let state = gateway.ticket(&ticket)?.get("state").cloned();
    ensure!(state == Some(json!("succeeded")), "{state:?}");
    Ok(())
}
