//! Records that wait for others: what comes in time is put together, and what waited in vain is told.

use super::*;

impl Joiner {
    pub(super) fn context(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        rule: &Rule,
        key: Option<String>,
        record: Box<Context>,
        out: &mut Vec<Attempt>,
    ) {
        let lane = lane(&record.facts).to_owned();
        // A client's ID names many attempts; the order of one writer's records tells them apart.
        let named = record.facts.names_connection(&grammar.keys);
        if let Some(key) = key
            && (lane.is_empty() && !rule.waits || (named || lane.is_empty()) && self.keyed.get(&key).is_some())
        {
            return self.context_by_key(settings, rule, key, record, out);
        }
        let fits = self.lanes.get(&lane).is_some_and(|pending| {
            let repeated = record.why.words.first().is_some_and(|words| pending.why.words.contains(words));
            let complete = pending.stack || rule.stack || (rule.begins && (pending.alone || !lane.is_empty()));
            let goes_on = pending.stack && rule.stack && !repeated && !rule.begins;
            (goes_on || !complete) && pending.facts.agree(&record.facts)
        });
        if !fits {
            self.flush_lane(&lane, settings, out);
        }
        match self.lanes.get_mut(&lane) {
            None => {
                if self.lanes.len() >= MAX_LANES
                    && let Some(oldest) = self.lanes.iter().min_by_key(|(_, waiting)| waiting.ts).map(|(lane, _)| lane.to_owned())
                {
                    self.flush_lane(&oldest, settings, out);
                }
                self.lanes.put(lane, record);
            }
            Some(pending) => {
                pending.alone |= record.alone;
                merge_context(pending, record);
            }
        }
    }

    /// The log went on to this time, or back to it: what waited long enough is finished.
    pub fn age(&mut self, settings: &Settings, ts: Millis, out: &mut Vec<Attempt>) {
        if self.keyed.is_waiting() {
            for conversation in self.keyed.due(ts) {
                self.tell(settings, conversation, out);
            }
        }
        if !self.lanes.has_named() {
            return;
        }
        let stale = self.lanes.named().filter(|(_, waiting)| (ts - waiting.ts).abs() > LANE_BREATH);
        let stale: Vec<String> = stale.map(|(lane, _)| lane.to_owned()).collect();
        stale.iter().for_each(|lane| self.flush_lane(lane, settings, out));
    }

    /// Time passed: what waits for a record that did not come is finished.
    pub fn tick(&mut self, settings: &Settings, now: Millis, out: &mut Vec<Attempt>) {
        let late = self.lanes.iter().filter(|(_, waiting)| now - waiting.read_at >= BREATH);
        let late: Vec<String> = late.map(|(lane, _)| lane.to_owned()).collect();
        late.iter().for_each(|lane| self.flush_lane(lane, settings, out));
        for conversation in self.keyed.due_now(now) {
            self.tell(settings, conversation, out);
        }
    }

    /// Whether time alone can still change something.
    pub fn is_waiting(&self) -> bool {
        !self.lanes.is_empty() || self.keyed.is_waiting()
    }

    /// A record of this time is looked at. It leaves nothing behind: records that no rule takes may be passed over.
    pub fn reached(&mut self, ts: Millis) {
        self.now = ts;
    }

    /// Whether the end of a session changes nothing now.
    pub fn is_calm(&self) -> bool {
        !self.is_waiting() && !self.closed && !self.is_doubting()
    }

    /// Nothing will follow: what waits is finished.
    pub fn flush(&mut self, settings: &Settings, out: &mut Vec<Attempt>) {
        self.flush_lanes(settings, out);
        for conversation in self.keyed.due_all() {
            self.tell(settings, conversation, out);
        }
    }

    pub(super) fn flush_lanes(&mut self, settings: &Settings, out: &mut Vec<Attempt>) {
        let all: Vec<String> = self.lanes.iter().map(|(lane, _)| lane.to_owned()).collect();
        all.iter().for_each(|lane| self.flush_lane(lane, settings, out));
    }

    /// What waits in one lane is finished.
    pub(super) fn flush_lane(&mut self, lane: &str, settings: &Settings, out: &mut Vec<Attempt>) {
        let Some(mut pending) = self.lanes.take(lane) else { return };
        if !pending.alone {
            return;
        }
        let mut inferred = Fields::NONE;
        if let Some(name) = pending.facts.client_name.take() {
            // It is the address or the ID of a client that calls itself so; nothing says which.
            pending.facts.client_ip = crate::grammar::ip(name.as_bytes());
            inferred.extend([Field::ClientId, Field::IpAddress]);
        }
        if pending.facts.client_ip.is_some()
            && !self.unlisted
            && let Found::Certain(opened) = self.find(&pending.facts, pending.ts, settings)
        {
            pending.joined(opened);
        }
        self.forget_guess(pending.facts.client_id.as_deref());
        let row = self.row(pending, settings, inferred);
        out.push(Attempt::Refused(row));
        self.known_now(settings, out);
    }

    /// A conversation's refusal that stood alone is told.
    pub(super) fn tell(&mut self, settings: &Settings, mut conversation: Conversation, out: &mut Vec<Attempt>) {
        if conversation.parked {
            self.seek(settings, &mut conversation);
        }
        if conversation.suspected && !conversation.context.alone {
            // It was only suspected.
            conversation.inferred.extend([Field::ClientId, Field::IpAddress, Field::Username, Field::Reason]);
        }
        let last = conversation.last;
        let row = self.row(conversation.context, settings, conversation.inferred);
        // It waited: the client's later attempt may have been told already.
        if !self.keyed.is_superseded(&row, last) {
            out.push(Attempt::Refused(row));
        }
    }

    /// What waits of this client was before what is told of it now.
    pub(super) fn tell_earlier(&mut self, settings: &Settings, facts: &Facts, out: &mut Vec<Attempt>) {
        if self.keyed.is_waiting() {
            for conversation in self.keyed.due_of(facts.client_id.as_deref(), facts.client_ip) {
                self.tell(settings, conversation, out);
            }
        }
    }

    /// Nothing came that opens the connection of a refusal: it is one of those that are open, if the refusal names none; otherwise
    /// another process serves it, and only its address leads to the listener.
    fn seek(&mut self, settings: &Settings, conversation: &mut Conversation) {
        if self.behind_proxy {
            conversation.inferred.extend([Field::ClientId, Field::IpAddress]);
        } else if conversation.context.facts.connection.is_none() {
            self.eliminate(settings, &mut conversation.context, &mut conversation.inferred);
            self.open.settle();
        } else if let Some(address) = conversation.context.facts.client_ip
            && let Some(port) = self.open.listener_of(address)
        {
            conversation.context.facts.server_port = Some(port);
            conversation.inferred.insert(Field::TlsUsed);
        }
    }
}
