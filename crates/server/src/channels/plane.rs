//! The channels of a node: lanes behind locks, the loops that own connections, and the disk.

use super::mail::{Hello, Mail, Waiter};
use super::operate::{Act, Operation, Whose};
use super::stats::PlaneStats;
use super::users::{Deed, Entry, Users};
use crate::config::channels::ChannelSettings;
use crate::push::Push;
use crate::store::Store;
use axum::http::HeaderMap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tandem_hub::channel::{Body, Channel, ChannelId, Delivery, Page, Position, Published, Query, Recovered};
use tandem_hub::code::{Disconnect, ErrorCode};
use tandem_hub::lane::{Lane, lane_of, lane_of_id};
use tandem_hub::namespace::NamespaceOptions;
use tandem_hub::publication::{ClientInfo, Draft};
use tandem_net::stream_loop::{ConnKey, LoopHandle, Loops};

/// Locks that channels are spread over.
const LANES: usize = 64;

/// The message plane of a node.
pub struct Plane {
    lanes: Vec<Mutex<Lane<Waiter>>>,
    loops: OnceLock<Loops<Mail, Hello>>,
    store: OnceLock<Store>,
    push: OnceLock<Arc<Push>>,
    /// Connections over plain HTTP, by their secret session id.
    emulated: Mutex<HashMap<Arc<str>, (u16, ConnKey)>>,
    /// Connections in service by user.
    users: Users,
    /// Users that are kept out, and until when.
    blocked: Mutex<HashMap<String, u64>>,
    no_headers: Arc<HeaderMap>,
    /// Settings, fixed at start.
    pub settings: ChannelSettings,
    /// Counters.
    pub stats: PlaneStats,
}

/// What a new subscriber asks of a channel.
pub struct Subscriber<'a> {
    /// Its loop.
    pub on_loop: u16,
    /// Who it is.
    pub info: &'a Arc<ClientInfo>,
    /// Shown in the channel's presence.
    pub present: bool,
    /// Others hear that it came.
    pub announce: bool,
    /// What it has seen already.
    pub recover: Option<(u64, String)>,
    /// At most so many publications are recovered.
    pub recover_limit: usize,
}

/// A subscription as it begins.
pub struct Subscribed {
    /// The channel's number.
    pub channel: ChannelId,
    /// Deliveries up to this order are in the past.
    pub seq: u64,
    /// Where the channel is.
    pub position: Position,
    /// What was missed, if it was asked for.
    pub recovered: Option<Recovered>,
}

impl Plane {
    /// A plane with nothing in it; [`Plane::attach`] gives it loops.
    #[must_use]
    pub fn new(settings: ChannelSettings) -> Self {
        let lane = |number| Mutex::new(Lane::new(number, LANES, rand::random()));
        Self {
            lanes: (0..LANES).map(lane).collect(),
            loops: OnceLock::new(),
            store: OnceLock::new(),
            push: OnceLock::new(),
            emulated: Mutex::default(),
            users: Users::new(settings.client.user_connection_limit, settings.client.user_rates),
            blocked: Mutex::default(),
            no_headers: Arc::default(),
            settings,
            stats: PlaneStats::default(),
        }
    }

    /// Gives the plane its loops, once.
    pub fn attach(&self, loops: Loops<Mail, Hello>) {
        let _ = self.loops.set(loops);
    }

    /// Gives the plane its disk, once.
    pub fn attach_store(&self, store: Store) {
        let _ = self.store.set(store);
    }

    /// The disk, if there is one.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.store.get()
    }

    /// The loops; none before [`Plane::attach`].
    pub fn loops(&self) -> impl Iterator<Item = &LoopHandle<Mail, Hello>> {
        self.loops.get().into_iter().flat_map(Loops::all)
    }

    /// The loop for a new connection.
    #[must_use]
    pub fn next_loop(&self) -> Option<&LoopHandle<Mail, Hello>> {
        self.loops.get()?.next()
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn lanes(&self) -> impl Iterator<Item = MutexGuard<'_, Lane<Waiter>>> {
        self.lanes.iter().map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn lane(&self, name: &str) -> MutexGuard<'_, Lane<Waiter>> {
        self.locked(lane_of(name, LANES))
    }

    #[expect(clippy::indexing_slicing, reason = "there are as many lanes as the hash has values")]
    fn locked(&self, index: usize) -> MutexGuard<'_, Lane<Waiter>> {
        self.lanes[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes. `Ok(Some)`: done, and the waiter is to be answered by the caller. `Ok(None)`: the
    /// waiter is answered when the disk has it.
    ///
    /// # Errors
    /// Loops or disk have more to do than they can; the publisher may try again.
    pub fn publish(
        &self,
        name: &Arc<str>,
        options: &Arc<NamespaceOptions>,
        draft: Draft,
        waiter: Waiter,
    ) -> Result<Option<(Position, Waiter)>, ErrorCode> {
        if !self.loops().all(LoopHandle::has_room) {
            return Err(ErrorCode::TOO_MANY_REQUESTS);
        }
        let now = self.now_ms();
        // A loop says itself when its turn's publications are all there.
        let quietly = matches!(waiter, Waiter::Session(..));
        let mut lane = self.lane(name);
        let channel = lane.channel(name, options, now);
        match channel.publish(draft, waiter, now) {
            Published::Now { position, delivery, waiter } => {
                self.show(delivery);
                self.stats.published(1);
                Ok(Some((position, waiter)))
            }
            Published::Suppressed { position, waiter } => Ok(Some((position, waiter))),
            Published::Pending(publication, epoch) => {
                let offset = publication.offset;
                if self.persist(name, &epoch, &publication, quietly).is_err() {
                    channel.abort(offset);
                    return Err(ErrorCode::TOO_MANY_REQUESTS);
                }
                Ok(None)
            }
        }
    }

    /// A publication everybody may see: to the loops, and to whoever is away.
    fn show(&self, delivery: Delivery) {
        self.show_quietly(delivery);
        self.wake_loops();
    }

    /// The same, of several; [`Plane::wake_loops`] must follow.
    pub(super) fn show_quietly(&self, delivery: Delivery) {
        if let (Some(push), Body::Publication(publication, _)) = (self.push.get(), &delivery.body) {
            push.published(&delivery.name, publication);
        }
        if !delivery.loops.is_empty() {
            self.deliver_quietly(delivery);
        }
    }

    /// Gives the plane somebody who reaches people that are away, once.
    pub fn attach_push(&self, push: Arc<Push>) {
        let _ = self.push.set(push);
    }

    /// Sends to the loops with subscribers. Called under the lane's lock, so that every loop sees
    /// the channel's deliveries in one order.
    pub(super) fn deliver(&self, delivery: Option<Delivery>) {
        let Some(delivery) = delivery else { return };
        self.deliver_quietly(delivery);
        self.wake_loops();
    }

    fn deliver_quietly(&self, delivery: Delivery) {
        let Some(loops) = self.loops.get() else { return };
        let delivery = Arc::new(delivery);
        for index in &delivery.loops {
            if let Some(handle) = loops.get(*index) {
                handle.push_quietly(Mail::Broadcast(Arc::clone(&delivery)));
            }
        }
    }

    /// The loops look at what was sent to them.
    pub(super) fn wake_loops(&self) {
        self.loops().for_each(LoopHandle::wake);
    }

    /// Answers whoever waits; [`Plane::wake_loops`] must follow.
    pub(super) fn answer_quietly(&self, waiter: Waiter, result: Result<Position, ErrorCode>) {
        match waiter {
            Waiter::Nobody => {}
            Waiter::Session(index, key, id) => {
                if let Some(handle) = self.loops.get().and_then(|loops| loops.get(index)) {
                    handle.push_quietly(Mail::Answer(key, id, result));
                }
            }
            Waiter::Call(sender) => {
                let _ = sender.send(result);
            }
        }
    }

    /// Begins a subscription: from here on the loop receives the channel's deliveries.
    pub fn subscribe(&self, name: &Arc<str>, options: &Arc<NamespaceOptions>, who: &Subscriber<'_>) -> Subscribed {
        let now = self.now_ms();
        let mut lane = self.lane(name);
        let channel = lane.channel(name, options, now);
        let recovered =
            who.recover.as_ref().map(|(offset, epoch)| channel.recover_by_mode(*offset, epoch, who.recover_limit, now));
        channel.subscribe(who.on_loop, now);
        let subscribed =
            Subscribed { channel: channel.id(), seq: channel.seq(), position: channel.position(), recovered };
        let joined = channel.join(who.info, who.present, who.announce);
        self.deliver(joined);
        self.stats.subscribed(1);
        subscribed
    }

    /// Ends a subscription.
    pub fn unsubscribe(&self, channel: ChannelId, on_loop: u16, info: &Arc<ClientInfo>, announce: bool) {
        let now = self.now_ms();
        let mut lane = self.locked(lane_of_id(channel, LANES));
        let Some(channel) = lane.by_id(channel) else { return };
        channel.unsubscribe(on_loop, now);
        let left = channel.leave(info, announce);
        self.deliver(left);
        self.stats.unsubscribed(1);
    }

    /// A page of history; error 112 if `since` belongs to another life of the channel.
    ///
    /// # Errors
    /// See above.
    pub fn history(&self, name: &Arc<str>, options: &Arc<NamespaceOptions>, query: &Query) -> Result<Page, ErrorCode> {
        let now = self.now_ms();
        let mut lane = self.lane(name);
        lane.channel(name, options, now).history(query, now).ok_or(ErrorCode::UNRECOVERABLE_POSITION)
    }

    /// Everybody in a channel.
    #[must_use]
    pub fn presence(&self, name: &str) -> Vec<Arc<ClientInfo>> {
        self.lane(name).get(name).map(|channel| Channel::presence(channel)).unwrap_or_default()
    }

    /// How many clients and users are in a channel.
    #[must_use]
    pub fn presence_stats(&self, name: &str) -> (usize, usize) {
        self.lane(name).get(name).map(|channel| Channel::presence_stats(channel)).unwrap_or_default()
    }

    /// Channels with subscribers whose name fits, and how many hear them.
    #[must_use]
    pub fn active(&self, fits: impl Fn(&str) -> bool) -> Vec<(Arc<str>, u64)> {
        let mut all = Vec::new();
        for lane in self.lanes() {
            let heard = lane.all().into_iter().filter(|channel| channel.subscriber_count() > 0);
            all.extend(heard.filter(|c| fits(c.name())).map(|c| (Arc::clone(c.name()), c.subscriber_count())));
        }
        all.sort();
        all
    }

    /// Forgets channels nobody would miss; for a timer.
    pub fn sweep(&self) {
        let now = self.now_ms();
        let left = self.lanes().map(|mut lane| lane.sweep(now)).sum::<usize>();
        self.stats.set_channels(left as u64);
        self.users.sweep(Instant::now());
    }

    /// A connection of this user wants in; it is counted if it may.
    #[must_use]
    pub fn enter(&self, user: &Arc<str>, now: Instant) -> Entry {
        let entry = self.users.enter(user, now);
        if matches!(entry, Entry::Open) {
            self.stats.connected();
        }
        entry
    }

    /// It is gone.
    pub fn left(&self, user: &Arc<str>) {
        self.users.leave(user);
    }

    /// Whether this user may do that once more at this time.
    #[must_use]
    pub fn user_may(&self, user: &str, deed: Deed, now: Instant) -> bool {
        self.users.may(user, deed, now)
    }

    /// Ends all connections of a user but one: each user has one at a time.
    pub fn end_others(&self, user: &str, except: &str) {
        let operation = Arc::new(Operation {
            whose: Whose { user: user.to_owned(), ..Whose::default() },
            act: Act::Disconnect(Disconnect::CONNECTION_LIMIT, vec![except.to_owned()]),
        });
        for handle in self.loops() {
            handle.push(Mail::Operate(Arc::clone(&operation)));
        }
    }

    /// Connections in service, and different users with a name.
    #[must_use]
    pub fn population(&self) -> (u64, u64) {
        self.users.population()
    }

    /// Nobody of this name comes in, until that time (seconds since 1970; 0 for ever).
    pub fn block(&self, user: &str, until_unix: u64) {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner).insert(user.to_owned(), until_unix);
    }

    /// Whoever has this name may come in again.
    pub fn unblock(&self, user: &str) {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner).remove(user);
    }

    /// Whether a user is kept out.
    #[must_use]
    pub fn is_blocked(&self, user: &str) -> bool {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(until) = blocked.get(user).copied() else { return false };
        let over = until > 0 && until.saturating_mul(1000) <= self.now_ms();
        if over {
            blocked.remove(user);
        }
        !over
    }

    /// A loop by its number.
    #[must_use]
    pub fn loop_of(&self, index: u16) -> Option<LoopHandle<Mail, Hello>> {
        self.loops.get()?.get(index).cloned()
    }

    /// Headers of a request that backends may want; none if nobody is ever asked.
    #[must_use]
    pub fn headers_to_keep(&self, headers: &HeaderMap) -> Arc<HeaderMap> {
        if self.settings.proxies.is_empty() { Arc::clone(&self.no_headers) } else { Arc::new(headers.clone()) }
    }

    /// Remembers an emulated connection by its secret.
    pub fn remember(&self, session: Arc<str>, at: (u16, ConnKey)) {
        self.emulated.lock().unwrap_or_else(PoisonError::into_inner).insert(session, at);
    }

    /// Forgets it.
    pub fn forget(&self, session: &str) {
        self.emulated.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
    }

    /// Hands commands to an emulated connection. `false` if nobody has this secret.
    #[must_use]
    pub fn input(&self, session: &str, commands: bytes::Bytes) -> bool {
        let found = self.emulated.lock().unwrap_or_else(PoisonError::into_inner).get(session).copied();
        let Some((index, key)) = found else { return false };
        let handle = self.loops.get().and_then(|loops| loops.get(index));
        handle.is_some_and(|handle| handle.send(Mail::Input(key, commands)).is_ok())
    }
}
