//! Every example as its README tells it: its own configuration, its own requests, and what it says comes of them.

use anyhow::{Context, Result, ensure};
use e2e::api::{Api, answer};
use e2e::client;
use e2e::gateway::Gateway;
use e2e::wire::Wire;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What an API answers a request: its place among those before, and the request itself.
type Says = dyn Fn(usize, &Wire) -> (u16, String, String) + Send + Sync;

/// The APIs of an example, in the order of the ports that its configuration names, and what each was sent.
struct Apis {
    apis: Vec<Api>,
    sent: Vec<Arc<Mutex<Vec<Wire>>>>,
}

impl Apis {
    /// One API for each: the statuses of its first answers, then 200.
    fn start(statuses: &[&'static [u16]]) -> Result<Self> {
        let mut all = Self { apis: Vec::new(), sent: Vec::new() };
        for &first in statuses {
            all.add(Box::new(move |index, _| {
                let status = first.get(index).copied().unwrap_or(200);
                let headers = if status == 503 { "retry-after: 1\r\n" } else { "" };
                (status, headers.to_owned(), "ok".to_owned())
            }))?;
        }
        Ok(all)
    }

    /// One more, which answers like this.
    fn add(&mut self, says: Box<Says>) -> Result<()> {
        let sent = Arc::<Mutex<Vec<Wire>>>::default();
        let seen = Arc::clone(&sent);
        self.apis.push(Api::start(move |request, stream| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            let (status, headers, body) = says(seen.len(), request);
            seen.push(request.clone());
            answer(stream, status, &headers, body.as_bytes())
        })?);
        self.sent.push(sent);
        Ok(())
    }

    /// Every request that API number `index` was sent.
    fn sent(&self, index: usize) -> Result<Vec<Wire>> {
        let sent = self.sent.get(index).context("no such API")?;
        Ok(sent.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A file of an example.
fn file(example: &str, name: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(example).join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// The bodies that the README sends with `curl -d '…'`.
fn bodies(example: &str) -> Result<Vec<String>> {
    let readme = file(example, "README.md")?;
    let parts = readme.split("-d '").skip(1);
    Ok(parts.filter_map(|part| Some(part.split_once('\'')?.0.to_owned())).collect())
}

/// The example's own configuration, but for ports and folder; each variable that its README exports has its name as value.
fn serve(example: &str, folder: &Path, variables: &[&str], apis: &Apis) -> Result<Gateway> {
    let mut text = file(example, "fanlight.yaml")?;
    for (api, port) in apis.apis.iter().zip(9001..) {
        let written = format!("http://127.0.0.1:{port}/");
        ensure!(text.contains(&written), "{example}: nothing goes to {written}");
        text = text.replace(&written, &api.url().replace("/hook", "/"));
    }
    let variables: Vec<_> = variables.iter().map(|name| (*name, *name)).collect();
    Gateway::configured(folder, &variables, |listen, admin| {
        text.replace("127.0.0.1:8080", &listen.to_string()).replace("127.0.0.1:8081", &admin.to_string())
    })
}

/// Sends a body and gives the ticket's id.
fn send(gateway: &Gateway, method: &str, path: &str, body: &str) -> Result<String> {
    let headers = [("content-type", "application/json")];
    let answer = client::request(gateway.listen, method, path, &headers, body.as_bytes())?;
    ensure!(answer.status == 202, "{}: {:?}", answer.status, answer.wire);
    Ok(answer.json()?.get("id").and_then(Value::as_str).context("no id")?.to_owned())
}

/// A delivery that has ended like this, after so many attempts.
fn ended(gateway: &Gateway, ticket: &str, target: &str, state: &str, attempts: usize) -> Result<()> {
    let delivery = gateway.delivery(ticket, target, &["delivered", "skipped", "dead"])?;
    let made = delivery.get("attempts").and_then(Value::as_array).map_or(0, Vec::len);
    let found = delivery.get("state").and_then(Value::as_str).unwrap_or_default();
    ensure!((found, made) == (state, attempts), "{target}: {state} after {attempts} attempts? {delivery:#}");
    Ok(())
}

/// One request as the API saw it.
fn saw(request: &Wire, start: &str, header: (&str, &str), body: &Value) -> Result<()> {
    let sent: Value = serde_json::from_slice(&request.body)?;
    ensure!(request.start == format!("{start} HTTP/1.1"), "{request:?}");
    ensure!(request.header(header.0) == Some(header.1), "{request:?}");
    ensure!(sent == *body, "{sent:#}");
    Ok(())
}

#[test]
fn the_sign_up_reaches_both_apis_as_its_readme_says() -> Result<()> {
    let apis = Apis::start(&[&[], &[503, 503]])?;
    let folder = tempfile::tempdir()?;
    let gateway = serve("signup", folder.path(), &["MAIL_TOKEN"], &apis)?;
    let bodies = bodies("signup")?;
    let [with, without] = &bodies[..] else { anyhow::bail!("two sign-ups, not {bodies:?}") };
    let (first, second) =
        (send(&gateway, "POST", "/signup", with)?, send(&gateway, "POST", "/signup", without)?);
    ended(&gateway, &first, "crm", "delivered", 1)?;
    ended(&gateway, &first, "mailing", "delivered", 3)?;
    ended(&gateway, &second, "crm", "delivered", 1)?;
    ended(&gateway, &second, "mailing", "skipped", 0)?;

    let mut crm: Vec<_> = apis.sent(0)?.into_iter().map(|request| request.body).collect();
    crm.sort();
    ensure!(crm == [with.as_bytes(), without.as_bytes()], "the CRM gets each byte for byte: {crm:?}");
    for request in apis.sent(1)? {
        let body = json!({"email": "ada@example.com", "list": "welcome"});
        saw(&request, "POST /contacts", ("authorization", "Bearer MAIL_TOKEN"), &body)?;
    }
    Ok(())
}

#[test]
fn the_order_reaches_four_apis_as_its_readme_says() -> Result<()> {
    // The inventory has the order already: a conflict counts as success.
    let apis = Apis::start(&[&[409], &[], &[], &[]])?;
    let folder = tempfile::tempdir()?;
    let variables = ["INVENTORY_KEY", "SHIPPING_TOKEN", "CRM_TOKEN"];
    let gateway = serve("order", folder.path(), &variables, &apis)?;
    let bodies = bodies("order")?;
    let [order] = &bodies[..] else { anyhow::bail!("one order, not {bodies:?}") };
    let ticket = send(&gateway, "POST", "/shops/7/orders", order)?;
    for target in ["inventory", "shipping", "crm", "search"] {
        ended(&gateway, &ticket, target, "delivered", 1)?;
    }
    let sent = |index: usize| apis.sent(index)?.into_iter().next().context("nothing was sent");
    let items = json!([{"sku": "tea", "quantity": 2}, {"sku": "ebook", "quantity": 1}]);
    let reservation = json!({"order": "o-1001", "items": items});
    saw(&sent(0)?, "POST /reservations", ("x-api-key", "INVENTORY_KEY"), &reservation)?;
    let parcel = json!({"reference": "o-1001", "address": {"city": "London"}, "grams": 500});
    saw(&sent(1)?, "POST /parcels", ("authorization", "Bearer SHIPPING_TOKEN"), &parcel)?;
    let crm = sent(2)?;
    saw(&crm, "POST /events/order", ("authorization", "Bearer CRM_TOKEN"), &serde_json::from_str(order)?)?;
    ensure!(crm.body == order.as_bytes(), "the CRM gets the order byte for byte");
    let text = json!({"id": "o-1001", "text": "Ada Green tea Notes"});
    saw(&sent(3)?, "PUT /index/orders", ("content-type", "application/json"), &text)?;

    let digital = order.replace("\"digital\": false", "\"digital\": true");
    let ticket = send(&gateway, "POST", "/shops/7/orders", &digital)?;
    ended(&gateway, &ticket, "shipping", "skipped", 0)?;
    for target in ["inventory", "crm", "search"] {
        ended(&gateway, &ticket, target, "delivered", 1)?;
    }
    let state = gateway.ticket(&ticket)?.get("state").and_then(Value::as_str).map(str::to_owned);
    ensure!(state.as_deref() == Some("succeeded"), "{state:?}");
    Ok(())
}

#[test]
fn the_product_reaches_each_api_at_its_own_place_as_its_readme_says() -> Result<()> {
    let apis = Apis::start(&[&[], &[], &[]])?;
    let folder = tempfile::tempdir()?;
    let gateway = serve("shaping", folder.path(), &["PRICE_TOKEN"], &apis)?;
    let bodies = bodies("shaping")?;
    let [product] = &bodies[..] else { anyhow::bail!("one product, not {bodies:?}") };
    let ticket = send(&gateway, "PUT", "/shops/7/products", product)?;
    for target in ["catalog", "search", "prices"] {
        ended(&gateway, &ticket, target, "delivered", 1)?;
    }
    let sent = |index: usize| apis.sent(index)?.into_iter().next().context("nothing was sent");
    let json = ("content-type", "application/json");
    saw(&sent(0)?, "PUT /shops/7/products/tea%2Fgreen", json, &serde_json::from_str(product)?)?;
    saw(&sent(1)?, "POST /index/products?id=tea%2Fgreen&lang=en", json, &json!({"text": "Green tea"}))?;
    let prices = sent(2)?;
    ensure!(prices.body == br#"{"sku":"tea/green","price":4.50}"#, "{prices:?}");
    ensure!(prices.header("authorization") == Some("Bearer PRICE_TOKEN"), "{prices:?}");
    ensure!(prices.header("x-shop") == Some("7"), "{prices:?}");
    ensure!(prices.header("x-source") == Some(&*format!("product/{ticket}")), "{prices:?}");
    Ok(())
}

#[test]
fn the_new_target_gets_the_past_as_its_readme_says() -> Result<()> {
    let apis = Apis::start(&[&[], &[]])?;
    let folder = tempfile::tempdir()?;
    let gateway = serve("backfill", folder.path(), &[], &apis)?;
    let bodies = bodies("backfill")?;
    ensure!(bodies.len() == 3, "three products, not {bodies:?}");
    let send = |body: &String| send(&gateway, "PUT", "/products", body);
    let tickets: Vec<String> = bodies.iter().map(send).collect::<Result<_>>()?;
    for ticket in &tickets {
        ended(&gateway, ticket, "catalog", "delivered", 1)?;
    }
    ensure!(file("backfill", "fanlight.yaml")?.contains("# later: [catalog, search]"));
    gateway.rewrite("to: [catalog] ", "to: [catalog, search] ")?;
    let live = send(&r#"{"sku": "cup", "name": "Cup"}"#.to_owned())?;
    ended(&gateway, &live, "search", "delivered", 1)?;

    let order = r#"{"filter": {"route": "product"}, "to": "search", "only_missing": true, "rate": 50}"#;
    let replay = gateway.replay(order)?;
    let counts = |replay: &Value| replay.get("counts").cloned().unwrap_or_default();
    ensure!(
        counts(&replay) == json!({"scanned": 4, "sent": 2, "present": 1, "skipped": 1, "failed": 0}),
        "{replay:#}"
    );
    let [tea, draft, pot] = &tickets[..] else { anyhow::bail!("three tickets") };
    for ticket in [tea, pot] {
        ended(&gateway, ticket, "search", "delivered", 1)?;
        ensure!(gateway.ticket(ticket)?.get("state") == Some(&json!("succeeded")));
    }
    let draft = gateway.ticket(draft)?;
    ensure!(draft.get("deliveries").and_then(Value::as_array).map(Vec::len) == Some(1), "{draft:#}");
    let again = gateway.replay(order)?;
    ensure!(
        counts(&again) == json!({"scanned": 4, "sent": 0, "present": 3, "skipped": 1, "failed": 0}),
        "{again:#}"
    );

    let mut bodies: Vec<Value> = Vec::new();
    for request in apis.sent(1)? {
        let body: Value = serde_json::from_slice(&request.body)?;
        let replayed = request.header("fanlight-replay").is_some();
        ensure!(replayed == (body.get("sku") != Some(&json!("cup"))), "{request:?}");
        bodies.push(body);
    }
    bodies.sort_by_key(Value::to_string);
    let text = |sku: &str, text: &str| json!({"sku": sku, "text": text});
    ensure!(bodies == [text("cup", "Cup"), text("pot", "Tea pot"), text("tea", "Green tea")], "{bodies:?}");
    Ok(())
}

#[test]
fn the_saga_is_undone_in_reverse_as_its_readme_says() -> Result<()> {
    let apis = Apis::start(&[&[], &[], &[422], &[], &[], &[]])?;
    let folder = tempfile::tempdir()?;
    let gateway = serve("saga", folder.path(), &[], &apis)?;
    let bodies = bodies("saga")?;
    let [order] = &bodies[..] else { anyhow::bail!("one order, not {bodies:?}") };
    let ticket = send(&gateway, "POST", "/orders", order)?;
    for target in ["stock", "payment", "release", "refund", "shop"] {
        ended(&gateway, &ticket, target, "delivered", 1)?;
    }
    ended(&gateway, &ticket, "parcel", "dead", 1)?;
    let first = |index: usize| apis.sent(index)?.into_iter().next().context("nothing was sent");
    saw(&first(3)?, "POST /releases", ("content-type", "application/json"), &json!({"order": "o-1001"}))?;
    let refund = json!({"order": "o-1001", "amount": 4200});
    saw(&first(4)?, "POST /refunds", ("content-type", "application/json"), &refund)?;
    let told: Value = serde_json::from_slice(&first(5)?.body)?;
    ensure!(told.get("state") == Some(&json!("compensated")), "{told:#}");

    let ticket = send(&gateway, "POST", "/orders", order)?;
    for (target, state, attempts) in [
        ("stock", "delivered", 1),
        ("payment", "delivered", 1),
        ("parcel", "delivered", 1),
        ("shop", "delivered", 1),
    ] {
        ended(&gateway, &ticket, target, state, attempts)?;
    }
    ended(&gateway, &ticket, "release", "skipped", 0)?;
    ended(&gateway, &ticket, "refund", "skipped", 0)
}

#[test]
fn the_article_succeeds_without_one_cache_as_its_readme_says() -> Result<()> {
    let apis = Apis::start(&[&[200, 400], &[], &[400], &[], &[]])?;
    let folder = tempfile::tempdir()?;
    let gateway = serve("article", folder.path(), &[], &apis)?;
    let bodies = bodies("article")?;
    let [article] = &bodies[..] else { anyhow::bail!("one article, not {bodies:?}") };
    let put = || -> Result<String> {
        let headers = [("content-type", "application/json")];
        let answer = client::request(gateway.listen, "PUT", "/articles/17", &headers, article.as_bytes())?;
        Ok(answer.json()?.get("id").and_then(Value::as_str).context("no id")?.to_owned())
    };
    let state = |ticket: &str| -> Result<Value> {
        Ok(gateway.ticket(ticket)?.get("state").cloned().unwrap_or_default())
    };
    let ticket = put()?;
    for target in ["site", "cache-eu", "search", "newsletter"] {
        ended(&gateway, &ticket, target, "delivered", 1)?;
    }
    ended(&gateway, &ticket, "cache-us", "dead", 1)?;
    ensure!(state(&ticket)? == "succeeded");

    let ticket = put()?;
    ended(&gateway, &ticket, "site", "dead", 1)?;
    ended(&gateway, &ticket, "search", "delivered", 1)?;
    for target in ["cache-eu", "cache-us", "newsletter"] {
        ended(&gateway, &ticket, target, "skipped", 0)?;
    }
    ensure!(state(&ticket)? == "failed");
    Ok(())
}

#[test]
fn the_account_is_answered_by_the_primary_as_its_readme_says() -> Result<()> {
    let mut apis = Apis { apis: Vec::new(), sent: Vec::new() };
    let location = "location: /customers/17\r\n".to_owned();
    apis.add(Box::new(move |index, _| {
        let status = if index == 0 { 201 } else { 409 };
        (status, location.clone(), r#"{"id": 17}"#.to_owned())
    }))?;
    apis.add(Box::new(|index, _| (if index == 0 { 503 } else { 200 }, String::new(), "ok".to_owned())))?;
    apis.add(Box::new(|_, _| (200, String::new(), "ok".to_owned())))?;
    let folder = tempfile::tempdir()?;
    let gateway = serve("primary", folder.path(), &[], &apis)?;
    let bodies = bodies("primary")?;
    let [account] = &bodies[..] else { anyhow::bail!("one account, not {bodies:?}") };
    let post = || {
        let headers = [("content-type", "application/json")];
        client::request(gateway.listen, "POST", "/accounts", &headers, account.as_bytes())
    };
    let ticket = |answer: &client::Answer| -> Result<String> {
        let path = answer.wire.header("fanlight-ticket").context("no ticket")?;
        Ok(path.trim_start_matches("/v1/tickets/").to_owned())
    };
    let answer = post()?;
    ensure!((answer.status, &*answer.wire.body) == (201, br#"{"id": 17}"#.as_slice()), "{:?}", answer.wire);
    ensure!(answer.wire.header("location") == Some("/customers/17"), "{:?}", answer.wire);
    let first = ticket(&answer)?;
    ended(&gateway, &first, "mailing", "delivered", 2)?;
    ended(&gateway, &first, "search", "delivered", 1)?;
    for request in apis.sent(1)? {
        let contact = json!({"customer": 17, "email": "ada@example.com"});
        saw(&request, "POST /contacts", ("content-type", "application/json"), &contact)?;
    }
    let indexed = apis.sent(2)?.into_iter().next().context("nothing was sent")?;
    saw(&indexed, "PUT /index/17", ("content-type", "application/json"), &json!({"text": "Ada Green"}))?;

    let answer = post()?;
    ensure!((answer.status, &*answer.wire.body) == (409, br#"{"id": 17}"#.as_slice()), "{:?}", answer.wire);
    let second = ticket(&answer)?;
    ended(&gateway, &second, "crm", "dead", 1)?;
    for target in ["mailing", "search"] {
        ended(&gateway, &second, target, "skipped", 0)?;
    }
    ensure!((apis.sent(1)?.len(), apis.sent(2)?.len()) == (2, 1), "nothing else is sent");
    Ok(())
}
