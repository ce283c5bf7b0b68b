//! All proxies of a server, and every change to them. Changes are made one at a time; none waits for traffic.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::metrics::Sample;
use crate::proxy::{Held, Proxy, resolve};
use crate::spec::{self, ProxyInput, ProxyShown, ToxicInput, ToxicShown};
use crate::toxic::Toxic;

/// More proxies than this are refused: each has a listener.
const MAX_PROXIES: usize = 10_000;
/// More toxics of one proxy than this are refused: each connection goes through all of its direction.
const MAX_TOXICS: usize = 10_000;

/// Why a call of the API is refused, in Toxiproxy's words where it has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Refused {
    pub(crate) fn new(status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    fn no_proxy() -> Self {
        Self::new(404, "proxy not found")
    }

    fn no_toxic() -> Self {
        Self::new(404, "toxic not found")
    }
}

/// The proxies by name.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    seed: u64,
    proxies: Arc<Mutex<BTreeMap<String, Proxy>>>,
}

/// JSON, or why not.
type Answer = Result<String, Refused>;

impl Collection {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, proxies: Arc::default() }
    }

    /// All proxies, by name.
    pub(crate) async fn list(&self) -> String {
        let proxies = self.proxies.lock().await;
        let all = proxies.iter().map(|(name, proxy)| (name, shown(proxy)));
        spec::json(&all.collect::<BTreeMap<_, _>>())
    }

    /// Makes a proxy; with toxics, they are there before its first connection.
    pub(crate) async fn create(&self, input: ProxyInput) -> Answer {
        let toxics = checked(&input, None)?;
        let mut proxies = self.proxies.lock().await;
        if proxies.contains_key(&input.name) {
            return Err(Refused::new(409, "proxy already exists"));
        }
        room(&proxies, 1)?;
        let proxy = self.make(&input, toxics).await?;
        let answer = spec::json(&shown(&proxy));
        proxies.insert(input.name, proxy);
        Ok(answer)
    }

    /// One of them.
    pub(crate) async fn get(&self, name: &str) -> Answer {
        let proxies = self.proxies.lock().await;
        let proxy = proxies.get(name).ok_or_else(Refused::no_proxy)?;
        Ok(spec::json(&shown(proxy)))
    }

    /// Changes addresses, or switches on and off.
    pub(crate) async fn update(&self, name: &str, body: &[u8]) -> Answer {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.get_mut(name).ok_or_else(Refused::no_proxy)?;
        let input: ProxyInput = parse(body)?;
        let given =
            |new: &str, old: &str| if new.is_empty() { old.to_owned() } else { new.to_owned() };
        let (listen, upstream) =
            (given(&input.listen, &proxy.listen), given(&input.upstream, &proxy.upstream));
        if listen != proxy.listen || upstream != proxy.upstream {
            resolve(&listen).await.map_err(|error| Refused::new(500, error))?;
            let was_enabled = proxy.is_enabled();
            proxy.stop().await;
            (proxy.listen, proxy.upstream) = (listen, upstream);
            if was_enabled {
                proxy.start().await.map_err(|error| Refused::new(500, error))?;
            }
        }
        spec::check_lease(input.ttl_ms).map_err(|error| Refused::new(400, error))?;
        if let Some(enabled) = input.enabled {
            let lease = input.ttl_ms.filter(|_| !enabled).map(std::time::Duration::from_millis);
            proxy.up_again = lease.map(|lease| now() + lease);
        }
        match input.enabled {
            Some(true) => proxy.start().await.map_err(|error| Refused::new(500, error))?,
            Some(false) => proxy.stop().await,
            None => {}
        }
        Ok(spec::json(&shown(proxy)))
    }

    /// Ends a proxy with all its connections.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), Refused> {
        let mut gone = self.proxies.lock().await.remove(name).ok_or_else(Refused::no_proxy)?;
        gone.stop().await;
        Ok(())
    }

    /// Every proxy on, every toxic gone.
    pub(crate) async fn reset(&self) -> Result<(), Refused> {
        let mut proxies = self.proxies.lock().await;
        for proxy in proxies.values_mut() {
            proxy.retain(|_| false);
            proxy.start().await.map_err(|error| Refused::new(500, error))?;
        }
        Ok(())
    }

    /// Many proxies. As in Toxiproxy, one that is there with the same addresses is left as it is, one that differs is
    /// replaced, and after an error those made before stay; but where any carries `toxics`, it is all or none.
    pub(crate) async fn populate(&self, body: &[u8]) -> (String, Option<Refused>) {
        let inputs: Vec<ProxyInput> = match parse(body) {
            Ok(inputs) => inputs,
            Err(refused) => return (nothing(), Some(refused)),
        };
        let mut toxics = Vec::with_capacity(inputs.len());
        for (index, input) in inputs.iter().enumerate() {
            match checked(input, Some(index + 1)) {
                Ok(checked) => toxics.push(checked),
                Err(refused) => return (nothing(), Some(refused)),
            }
        }
        let whole = inputs.iter().any(|input| input.toxics.is_some());
        let mut proxies = self.proxies.lock().await;
        if let Err(refused) = room(&proxies, inputs.len()) {
            return (nothing(), Some(refused));
        }
        let mut made = Vec::new();
        for (input, toxics) in inputs.iter().zip(toxics) {
            match self.settle(&mut proxies, input, toxics).await {
                Ok(new) => made.push((input.name.clone(), new)),
                Err(refused) => {
                    if whole {
                        for (name, _) in made.iter().filter(|(_, new)| *new) {
                            if let Some(mut proxy) = proxies.remove(name) {
                                proxy.stop().await;
                            }
                        }
                        return (nothing(), Some(refused));
                    }
                    return (listed(&proxies, &made), Some(refused));
                }
            }
        }
        (listed(&proxies, &made), None)
    }

    /// One proxy of a populate; whether it is new.
    async fn settle(
        &self,
        proxies: &mut BTreeMap<String, Proxy>,
        input: &ProxyInput,
        toxics: Vec<Toxic>,
    ) -> Result<bool, Refused> {
        if let Some(there) = proxies.get_mut(&input.name) {
            let same = there.upstream == input.upstream
                && (there.listen == input.listen
                    || resolve(&input.listen).await.is_ok_and(|to| to.to_string() == there.listen));
            if same {
                if input.toxics.is_some() {
                    there.retain(|_| false);
                    there.put(toxics, now());
                }
                return Ok(false);
            }
            if let Some(mut differs) = proxies.remove(&input.name) {
                differs.stop().await;
            }
        }
        let proxy = self.make(input, toxics).await?;
        proxies.insert(input.name.clone(), proxy);
        Ok(true)
    }

    async fn make(&self, input: &ProxyInput, toxics: Vec<Toxic>) -> Result<Proxy, Refused> {
        let mut proxy = Proxy::new(&input.name, &input.listen, &input.upstream, self.seed);
        proxy.put(toxics, now());
        if input.enabled.unwrap_or(true) {
            proxy.start().await.map_err(|error| Refused::new(500, error))?;
        }
        Ok(proxy)
    }

    /// The toxics of a proxy.
    pub(crate) async fn toxics(&self, name: &str) -> Answer {
        let proxies = self.proxies.lock().await;
        let proxy = proxies.get(name).ok_or_else(Refused::no_proxy)?;
        Ok(spec::json(&proxy.in_order().map(ToxicShown::from).collect::<Vec<_>>()))
    }

    /// Adds one.
    pub(crate) async fn add_toxic(&self, name: &str, body: &[u8]) -> Answer {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.get_mut(name).ok_or_else(Refused::no_proxy)?;
        let toxic = parse::<ToxicInput>(body)?.create();
        let toxic = toxic.map_err(|error| Refused::new(400, error.to_string()))?;
        if proxy.toxic(&toxic.name).is_some() {
            return Err(Refused::new(409, "toxic already exists"));
        }
        if proxy.toxics.len() >= MAX_TOXICS {
            return Err(Refused::new(400, format!("a proxy has {MAX_TOXICS} toxics at most")));
        }
        let answer = spec::json(&ToxicShown::from(&toxic));
        proxy.put([toxic], now());
        Ok(answer)
    }

    /// One of them.
    pub(crate) async fn toxic(&self, name: &str, toxic: &str) -> Answer {
        let proxies = self.proxies.lock().await;
        let proxy = proxies.get(name).ok_or_else(Refused::no_proxy)?;
        let held = proxy.toxic(toxic).ok_or_else(Refused::no_toxic)?;
        Ok(spec::json(&ToxicShown::from(&held.toxic)))
    }

    /// Changes attributes, toxicity or lease; the lease runs anew.
    pub(crate) async fn update_toxic(&self, name: &str, toxic: &str, body: &[u8]) -> Answer {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.get_mut(name).ok_or_else(Refused::no_proxy)?;
        let held = proxy.toxic(toxic).ok_or_else(Refused::no_toxic)?;
        let changed = parse::<ToxicInput>(body)?.change(&held.toxic);
        let changed = changed.map_err(|error| Refused::new(400, error.to_string()))?;
        let answer = spec::json(&ToxicShown::from(&changed));
        proxy.put([changed], now());
        Ok(answer)
    }

    /// Takes one away.
    pub(crate) async fn delete_toxic(&self, name: &str, toxic: &str) -> Result<(), Refused> {
        let mut proxies = self.proxies.lock().await;
        let proxy = proxies.get_mut(name).ok_or_else(Refused::no_proxy)?;
        if proxy.retain(|held| held.toxic.name != toxic) {
            return Err(Refused::no_toxic());
        }
        Ok(())
    }

    /// Takes away the toxics whose lease ended.
    pub(crate) async fn expire(&self) {
        let now = now();
        let over = |held: &Held| held.ends.is_some_and(|ends| ends <= now);
        let mut proxies = self.proxies.lock().await;
        for proxy in proxies.values_mut() {
            if proxy.toxics.iter().any(over) {
                proxy.retain(|held| !over(held));
            }
            if proxy.up_again.is_some_and(|at| at <= now) {
                proxy.up_again = None;
                if let Err(error) = proxy.start().await {
                    tracing::error!(error, proxy = proxy.name, "cannot listen again");
                }
            }
        }
    }

    /// Numbers of every proxy.
    pub(crate) async fn samples(&self) -> Vec<Sample> {
        self.proxies.lock().await.values().map(Proxy::sample).collect()
    }

    /// Ends everything.
    pub(crate) async fn stop(&self) {
        let all = std::mem::take(&mut *self.proxies.lock().await);
        for mut proxy in all.into_values() {
            proxy.stop().await;
        }
    }
}

/// Tokio's clock, which a test can stop.
fn now() -> Instant {
    Instant::now()
}

fn shown(proxy: &Proxy) -> ProxyShown<'_> {
    ProxyShown {
        name: &proxy.name,
        listen: &proxy.listen,
        upstream: &proxy.upstream,
        enabled: proxy.is_enabled(),
        toxics: proxy.in_order().map(ToxicShown::from).collect(),
    }
}

/// As Go writes an empty slice that was never made.
fn nothing() -> String {
    "null".to_owned()
}

/// What a populate made or found.
fn listed(proxies: &BTreeMap<String, Proxy>, made: &[(String, bool)]) -> String {
    if made.is_empty() {
        return nothing();
    }
    let made = made.iter().filter_map(|(name, _)| proxies.get(name));
    spec::json(&made.map(shown).collect::<Vec<_>>())
}

fn room(proxies: &BTreeMap<String, Proxy>, more: usize) -> Result<(), Refused> {
    if proxies.len() + more > MAX_PROXIES {
        return Err(Refused::new(400, format!("there are {MAX_PROXIES} proxies at most")));
    }
    Ok(())
}

/// The toxics of a proxy that is posted; `place` from 1 within a populate.
fn checked(input: &ProxyInput, place: Option<usize>) -> Result<Vec<Toxic>, Refused> {
    let at = place.map(|place| format!(" at proxy {place}")).unwrap_or_default();
    for (field, value) in [("name", &input.name), ("upstream", &input.upstream)] {
        if value.is_empty() {
            return Err(Refused::new(400, format!("missing required field: {field}{at}")));
        }
    }
    spec::check_name(&input.name).map_err(|error| Refused::new(400, format!("{error}{at}")))?;
    let (mut toxics, mut names) = (Vec::new(), BTreeSet::new());
    for value in input.toxics.iter().flatten() {
        let refuse = |error: String| Refused::new(400, format!("{error}{at}"));
        let toxic: ToxicInput = serde_json::from_value(value.clone())
            .map_err(|error| refuse(format!("bad request body: {error}")))?;
        let toxic = toxic.create().map_err(|error| refuse(error.to_string()))?;
        if !names.insert(toxic.name.clone()) {
            return Err(refuse(format!("toxic already exists: {}", toxic.name)));
        }
        toxics.push(toxic);
    }
    Ok(toxics)
}

/// JSON, or Toxiproxy's words for what is none.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Refused::new(400, "bad request body: EOF"));
    }
    serde_json::from_slice(body)
        .map_err(|error| Refused::new(400, format!("bad request body: {error}")))
}
