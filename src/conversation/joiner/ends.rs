//! How a connection ends: accepted, closed without a word, or refused, and which of the open ones it was.

use super::*;

impl Joiner {
    /// The client connected. `forgeable`: the record may be a stranger's words.
    #[allow(clippy::too_many_arguments, reason = "these are what is known of the record")]
    pub(super) fn accept(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        said: &Said<'_>,
        key: Option<String>,
        mut facts: Facts,
        forgeable: bool,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        // What waits belongs to this connection when both name it; otherwise it was complete.
        let of_it = |pending: &Context| !pending.alone || pending.facts.agree(&facts) && pending.facts.client_ip.is_some();
        if self.lanes.get(lane(&facts)).is_some_and(of_it) {
            self.lanes.take(lane(&facts));
        }
        self.flush_lane(lane(&facts), settings, out);
        if let Some(key) = key {
            let mut conversation = self.keyed.take(&key).unwrap_or_default();
            if std::mem::take(&mut conversation.admitted) && said.ts - conversation.last <= LANE_BREATH {
                self.put(settings, key, conversation, out);
                return Effect::Known;
            }
            conversation = Conversation { opened: conversation.opened, accepted: true, last: said.ts, ..Conversation::default() };
            conversation.context.facts.client_id.clone_from(&facts.client_id);
            self.put(settings, key, conversation, out);
        }
        // 1.x prints no source port: then it is one of its address.
        let nameless = facts.client_port.is_none() && facts.connection.is_none();
        let by_address = nameless && (facts.client_ip.is_some() || said.rule.elimination);
        let found =
            if by_address { self.find(&facts, said.ts, settings) } else { self.open.take(&facts).map_or(Found::Nobody, Found::Certain) };
        let mut opening = None;
        match found {
            Found::Certain(opened) => {
                facts.client_ip = facts.client_ip.or(opened.facts.client_ip);
                opening = Some(opened);
            }
            // Accepted without ever having been listed: there are listeners whose connections the log does not show.
            Found::Nobody if self.open.is_complete() && !self.unlisted => self.open.incomplete(),
            _ => {}
        }
        self.known_now(settings, out);
        self.knows(grammar, said.heard.raw(Fact::ClientId).unwrap_or_default());
        self.tell_earlier(settings, &facts, out);
        self.welcome(grammar, settings, said, (facts.client_id, forgeable), opening, out)
    }

    /// A client was accepted, of whatever name.
    pub(super) fn knows(&mut self, grammar: &Grammar, name: &[u8]) {
        if name.is_empty() {
            self.sessions.lost()
        } else {
            self.sessions.accepted(name)
        }
        if grammar.is_nobody(name) {
            self.nobody_taken = true;
            self.open.incomplete();
        }
    }

    /// The client with this ID connected. True: the record may be a stranger's words.
    pub(super) fn welcome(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        said: &Said<'_>,
        (client_id, forgeable): (Option<String>, bool),
        opening: Option<Box<Opened>>,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        let doubtful = said.heard.captures.ambiguous || forgeable;
        if said.rule.is_recalled {
            self.accepted = Accepted::new(grammar, said, opening, self.spare.take());
        }
        match client_id {
            Some(_) if doubtful => Effect::AcceptedUnclear,
            Some(client_id) => {
                self.forget_guess(Some(&client_id));
                let key = ClientKey { broker: settings.broker.clone(), identity: Identity::ClientId, client_id };
                out.push(Attempt::Accepted(key, said.ts));
                Effect::Accepted
            }
            None => Effect::AcceptedUnclear,
        }
    }

    /// A session ended.
    pub(super) fn end(&mut self, settings: &Settings, key: Option<String>, facts: &Facts, out: &mut Vec<Attempt>) -> Effect {
        self.lanes.take(lane(facts));
        if let Some(parked) = key.and_then(|key| self.keyed.take(&key)).filter(|conversation| conversation.parked) {
            self.tell(settings, parked, out);
        }
        Effect::Session
    }

    /// A connection ended before its client said who it was. What waits before it makes it a refusal after all.
    pub(super) fn close(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        rule: &Rule,
        mut record: Box<Context>,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        let lane = lane(&record.facts).to_owned();
        if self.lanes.get(&lane).is_some_and(|pending| pending.alone && agree(pending, &record)) {
            let mut inferred = Fields::NONE;
            if let Some(mut pending) = self.awaited(grammar, settings, rule, &record.facts, &mut inferred, out) {
                merge_context(&mut pending, record);
                record = pending;
            }
            return self.refuse(grammar, settings, rule, None, record, inferred, out);
        }
        if let Some(conversation) = self.key(grammar, &record.facts).and_then(|key| self.keyed.take(&key)) {
            self.open.take(&conversation.context.facts);
            self.open.settle();
            if conversation.told.is_some() || conversation.accepted {
                return Effect::Session;
            }
            if conversation.context.alone {
                self.tell(settings, conversation, out);
            }
            return Effect::Probe;
        }
        self.flush_lane(&lane, settings, out);
        let by_key = self.open.take(&record.facts).is_some() || record.facts.client_port.is_some();
        // Beside an unlisted listener it may have been a connection that is not listed: taking a listed one away would be a guess.
        let nobodys_session = self.nobody_taken && self.open.is_empty();
        if !(by_key || self.unlisted || nobodys_session) {
            self.open.eliminate(record.facts.client_ip, record.ts, |_| None);
        }
        self.known_now(settings, out);
        self.closed = true;
        Effect::Probe
    }

    #[allow(clippy::too_many_arguments, reason = "these are what is known of the record")]
    pub(super) fn refuse(
        &mut self,
        grammar: &Grammar,
        settings: &Settings,
        rule: &Rule,
        accepted: Option<Accepted>,
        mut record: Box<Context>,
        mut inferred: Fields,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        let key = self.key(grammar, &record.facts);
        let known = key.as_ref().and_then(|key| self.keyed.take(key));
        let known = known.filter(|known| !is_anothers(rule, &known.context.facts, &record.facts));
        let mut opened_before = false;
        if let (Some(key), Some(mut conversation)) = (&key, known) {
            if rule.repeats && conversation.accepted && record.facts.names_connection(&grammar.keys) {
                // Its client had connected: this is how the session ends.
                return Effect::Session;
            }
            // A client's ID names many attempts: of them, none is told twice by the same rule.
            let another = !record.facts.names_connection(&grammar.keys) && conversation.said_by.contains(&rule.name);
            if rule.repeats && conversation.may_repeat(record.ts) && !another {
                conversation.said_by.push(rule.name.clone());
                // What is known already is not doubted by a record that says less, and certain by one that says more.
                let known = conversation.context.facts.client_id.is_some();
                if known {
                    record.doubt.remove(Field::ClientId);
                }
                if rule.doubt.is_empty() && !record.forgeable && !record.unclear {
                    conversation.context.doubt.remove(Field::ClientId);
                }
                // An address that this record names without doubt is certain now.
                if record.facts.client_ip.is_some() && !record.doubt.has(Field::IpAddress) {
                    conversation.inferred.remove(Field::IpAddress);
                    conversation.context.doubt.remove(Field::IpAddress);
                }
                self.say_more(settings, &mut conversation, record, out);
                if rule.frees {
                    self.open.take(&conversation.context.facts);
                } else {
                    self.put(settings, key.clone(), conversation, out);
                }
                return Effect::Known;
            }
            if conversation.told.is_none() && !conversation.accepted {
                opened_before = conversation.opened;
                corrected(rule, &mut conversation.context, &record);
                add(&mut conversation.context, record);
                record = conversation.context;
            }
        }
        // A name that may be the address, in a record that stands for itself, is the ID: no other name is there.
        if let Some(name) = record.facts.client_name.take()
            && record.facts.client_id.is_none()
        {
            record.facts.client_id = Some(name);
        }
        self.forget_guess(record.facts.client_id.as_deref());
        if rule.opened_later && !opened_before {
            self.parked += 1;
            let key = key.unwrap_or_else(|| format!("p:{}", self.parked));
            record.alone = true;
            let parked = Conversation { last: record.ts, context: record, parked: true, ..Conversation::default() };
            self.put(settings, key, parked, out);
            return Effect::Refused("waits for the record that opens its connection");
        }
        let mut how = "named by the record";
        let mut by_key = true;
        if opened_before {
            self.open.take(&record.facts);
            how = "by what names the connection";
        } else if rule.after_accepted
            && let Some(accepted) = accepted.and_then(|accepted| accepted.known(grammar))
        {
            record.facts.add(accepted.facts);
            accepted.evidence.iter().rev().for_each(|line| line.insert_into(&mut record.evidence, 0));
            how = "the client that was accepted just before";
        } else if let Some(opened) = self.open.take(&record.facts) {
            self.open.is_over(record.joined(opened));
            how = "by address and port";
        } else if record.facts.client_port.is_none()
            && record.facts.connection.is_none()
            && (rule.elimination || record.facts.client_ip.is_some())
        {
            if self.nobody_taken && record.facts.client_id.is_none() && self.open.is_empty() {
                // The end of the session of a client that calls itself what the broker calls nobody.
                return Effect::Session;
            }
            how = if self.unlisted && !rule.listed_only {
                self.guess(&mut record, &mut inferred)
            } else {
                self.eliminate(settings, &mut record, &mut inferred)
            };
            by_key = false;
        } else {
            by_key = false;
        }
        // The broker may not have written it. A connection that it names by address and port was open, at least.
        record.forgeable &= !by_key || grammar.is_keyed();
        // The broker makes another one up each time: the address names such a client better, if it is certain.
        if record.facts.client_ip.is_some()
            && !inferred.has(Field::IpAddress)
            && record.facts.client_id.as_ref().is_some_and(|id| grammar.is_surely_made_up(id.as_bytes()))
        {
            record.facts.client_id = None;
        }
        self.tell_earlier(settings, &record.facts, out);
        match key.filter(|_| !rule.frees) {
            None => out.push(Attempt::Refused(self.row(record, settings, inferred))),
            Some(key) => {
                let row = self.row(record.clone(), settings, inferred);
                let told = Conversation {
                    last: record.ts,
                    context: record,
                    opened: opened_before,
                    told: Some(row.clone()),
                    said_by: vec![rule.name.clone()],
                    admitted: rule.admitted,
                    inferred,
                    ..Conversation::default()
                };
                self.put(settings, key, told, out);
                out.push(Attempt::Refused(row));
            }
        }
        self.known_now(settings, out);
        Effect::Refused(how)
    }

    /// It may have been a connection that is not listed: the likeliest of the listed ones is a guess, and none is taken away.
    pub(super) fn guess(&self, record: &mut Context, inferred: &mut Fields) -> &'static str {
        if record.facts.client_ip.is_some() {
            return "by the address that it names";
        }
        match self.open.likeliest_now(record.ts) {
            Some(opened) => {
                record.joined(Box::new(opened.clone()));
                inferred.extend([Field::IpAddress, Field::TlsUsed]);
                "guessed: it may also have come in by a listener whose connections are not logged"
            }
            None => "no open connection is known",
        }
    }

    pub(super) fn eliminate(&mut self, settings: &Settings, record: &mut Context, inferred: &mut Fields) -> &'static str {
        let named = record.facts.client_ip.is_some();
        match self.find(&record.facts, record.ts, settings) {
            Found::Certain(opened) => {
                self.open.is_over(record.joined(opened));
                "the only connection that it can be"
            }
            Found::Address(opened) => {
                record.joined(opened);
                inferred.insert(Field::TlsUsed);
                "one of several of this address"
            }
            Found::Guess(opened, one_listener) => {
                if record.facts.client_id.is_some() && self.open.is_complete() && self.guessed.len() < MAX_GUESSED {
                    self.guessed.push(Guessed { mark: self.open.mark(), record: Box::new(record.clone()), inferred: *inferred });
                }
                record.joined(opened);
                inferred.insert(Field::IpAddress);
                if !one_listener {
                    inferred.insert(Field::TlsUsed);
                }
                "guessed: several connections were open, or some are not listed"
            }
            Found::Nobody if named => "by the address that it names",
            Found::Nobody => "no open connection is known",
        }
    }

    /// A connection got an outcome: the refusals that were guessed among it and others may be known now. Only those of a known
    /// client are told again, because the others are named after the guess.
    pub(super) fn known_now(&mut self, settings: &Settings, out: &mut Vec<Attempt>) {
        let mut at = 0;
        while at < self.guessed.len() {
            match self.open.hindsight(self.guessed[at].mark) {
                Hindsight::Several => at += 1,
                Hindsight::Never => {
                    self.guessed.remove(at);
                }
                Hindsight::Certain(opened, one_listener) => {
                    let Guessed { mut record, mut inferred, .. } = self.guessed.remove(at);
                    record.joined(opened);
                    if !one_listener {
                        inferred.insert(Field::TlsUsed);
                    }
                    let row = self.row(record, settings, inferred);
                    out.push(Attempt::Revised(row));
                    // One connection less: look at the others again.
                    at = 0;
                }
            }
        }
        self.open.settle();
    }

    /// A later attempt of this client is told: an earlier one is of no more interest.
    pub(super) fn forget_guess(&mut self, client_id: Option<&str>) {
        if client_id.is_some() {
            self.guessed.retain(|guessed| guessed.record.facts.client_id.as_deref() != client_id);
        }
    }

    pub(super) fn find(&mut self, facts: &Facts, ts: Millis, settings: &Settings) -> Found {
        let spoke_tls = facts.tls.filter(|_| !facts.tls_likely);
        let listener = |opened: &Opened| {
            let port = opened.facts.server_port?;
            (!settings.tls_ports.is_empty())
                .then(|| Some(settings.tls_ports.contains(&port)) == spoke_tls.or(Some(settings.tls_ports.contains(&port))))
        };
        self.open.eliminate(facts.client_ip, ts, listener)
    }
}
