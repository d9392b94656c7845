//! Records that name their conversation: they add to it, open it, hand it on, or say more of a refusal that was told.

use super::*;

impl Joiner {
    pub(super) fn context_by_key(&mut self, settings: &Settings, rule: &Rule, key: String, record: Box<Context>, out: &mut Vec<Attempt>) {
        let mut conversation = self.keyed.take(&key).unwrap_or_default();
        if conversation.told.is_some() && !rule.begins && conversation.may_repeat(record.ts) {
            self.say_more(settings, &mut conversation, record, out);
        } else {
            if conversation.told.is_some() || (rule.begins && conversation.context.alone) {
                let earlier = std::mem::take(&mut conversation);
                if earlier.told.is_none() {
                    self.tell(settings, earlier, out);
                }
            }
            conversation.last = record.ts;
            conversation.context.alone |= record.alone;
            corrected(rule, &mut conversation.context, &record);
            add(&mut conversation.context, record);
        }
        self.put(settings, key, conversation, out);
    }

    pub(super) fn put(&mut self, settings: &Settings, key: String, conversation: Conversation, out: &mut Vec<Attempt>) {
        if let Some(waited) = self.keyed.put(key, conversation) {
            self.tell(settings, waited, out);
        }
    }

    /// A record says that a connection was opened, and names it. Some products write it after the refusal.
    pub(super) fn opened_by_key(
        &mut self,
        settings: &Settings,
        rule: &Rule,
        key: String,
        record: Box<Context>,
        out: &mut Vec<Attempt>,
    ) -> Effect {
        if rule.elimination {
            return self.opened_before(settings, key, record, out);
        }
        let mut conversation = Conversation { opened: true, last: record.ts, ..Conversation::default() };
        if let Some(mut earlier) = self.keyed.take(&key) {
            let late = !earlier.opened && !earlier.accepted && (record.ts - earlier.last).abs() <= LANE_BREATH;
            if late && earlier.told.is_some() {
                earlier.opened = true;
                // This record names the other end itself; the refusal may have named a proxy.
                let known = std::mem::replace(&mut earlier.context.facts, record.facts.clone());
                earlier.context.facts.add(known);
                self.say_more(settings, &mut earlier, record, out);
                self.put(settings, key, earlier, out);
                return Effect::Known;
            }
            if late && earlier.parked {
                let (ts, ts_inferred) = (earlier.context.ts, earlier.context.ts_inferred);
                let mut facts = record.facts.clone();
                facts.add(earlier.context.facts.clone());
                add(&mut earlier.context, record);
                (earlier.context.facts, earlier.context.ts, earlier.context.ts_inferred) = (facts, ts, ts_inferred);
                self.tell_earlier(settings, &earlier.context.facts, out);
                let row = self.row(earlier.context.clone(), settings, earlier.inferred);
                out.push(Attempt::Refused(row.clone()));
                let told = Conversation { opened: true, parked: false, told: Some(row), ..earlier };
                self.put(settings, key, told, out);
                return Effect::Refused("by what names the connection, whose opening came after it");
            }
            if late {
                conversation.context = earlier.context;
                conversation.inferred = earlier.inferred;
            } else if earlier.context.alone && earlier.told.is_none() && !earlier.accepted {
                self.tell(settings, earlier, out);
            }
        }
        let mut facts = record.facts.clone();
        facts.add(conversation.context.facts.clone());
        add(&mut conversation.context, record.clone());
        conversation.context.facts = facts;
        self.put(settings, key, conversation, out);
        self.open.opened(record.facts, record.ts, Quote::again(record.evidence.iter().next().unwrap_or_default().to_owned()));
        self.open.settle();
        Effect::Opened
    }

    /// A record names a conversation whose connection was opened before, under another name: the one that was opened last, most likely.
    pub(super) fn opened_before(&mut self, settings: &Settings, key: String, mut record: Box<Context>, out: &mut Vec<Attempt>) -> Effect {
        if let Some(earlier) = self.keyed.take(&key).filter(|earlier| earlier.context.alone && earlier.told.is_none() && !earlier.accepted)
        {
            self.tell(settings, earlier, out);
        }
        if let Some((opened, certain)) = self.open.take_newest() {
            record.joined(opened);
            if !certain || self.unlisted {
                record.doubt.extend([Field::IpAddress, Field::TlsUsed]);
            }
        }
        let conversation = Conversation { opened: true, last: record.ts, context: record, ..Conversation::default() };
        self.put(settings, key, conversation, out);
        Effect::Opened
    }

    /// The conversation that the last record named, if this one can belong to it.
    pub(super) fn followed(&self, facts: &Facts) -> Option<String> {
        let key = self.named.as_ref()?;
        let others = self.keyed.get(key)?.context.facts.username.as_ref().zip(facts.username.as_ref());
        others.is_none_or(|(one, two)| one == two).then(|| key.clone())
    }

    /// Adds to a conversation that is known, and begins none. A record that can be divided in two ways adds nothing.
    pub(super) fn details(&mut self, settings: &Settings, key: Option<String>, mut record: Box<Context>, out: &mut Vec<Attempt>) -> Effect {
        let Some(key) = key.filter(|_| !record.unclear) else { return Effect::Nothing };
        let Some(mut conversation) = self.keyed.take(&key) else { return Effect::Nothing };
        // What is known already is not doubted for being said again.
        let new = |field| !conversation.context.facts.has(field) && record.facts.has(field);
        record.doubt.retain(new);
        if conversation.told.is_some() {
            if !conversation.may_repeat(record.ts) {
                return Effect::Nothing;
            }
            self.say_more(settings, &mut conversation, record, out);
        } else {
            conversation.last = record.ts;
            add(&mut conversation.context, record);
        }
        self.put(settings, key, conversation, out);
        Effect::Known
    }

    /// A login of this username failed. Which one, other records say; where they are missing, it was likely this one.
    pub(super) fn suspect(&mut self, settings: &Settings, record: Box<Context>, out: &mut Vec<Attempt>) -> Effect {
        let undecided = record.facts.username.as_ref().and_then(|username| self.keyed.undecided(username, record.ts));
        let Some((key, mut conversation)) = undecided.and_then(|key| self.keyed.take(&key).map(|conversation| (key, conversation))) else {
            return Effect::Nothing;
        };
        conversation.suspected = true;
        conversation.context.why.add(record.why);
        self.put(settings, key, conversation, out);
        Effect::Known
    }

    /// A terminator handed its connection on: from here on the broker's log tells what became of it.
    pub(super) fn proxied(&mut self, settings: &Settings, key: Option<String>, record: Box<Context>, out: &mut Vec<Attempt>) -> Effect {
        let mut conversation = key.as_ref().and_then(|key| self.keyed.take(key)).unwrap_or_default();
        // The terminator accepted it: what goes wrong later is the end of a session.
        conversation.accepted = true;
        conversation.last = record.ts;
        add(&mut conversation.context, record);
        out.push(Attempt::Proxied(Box::new(conversation.context.link(settings))));
        if let Some(key) = key {
            self.put(settings, key, conversation, out);
        }
        Effect::Proxied
    }

    /// A refusal that was told is known better. Nothing is counted, and its name does not change: what named it is certain.
    pub(super) fn say_more(&mut self, settings: &Settings, conversation: &mut Conversation, record: Box<Context>, out: &mut Vec<Attempt>) {
        let Some(told) = &conversation.told else { return };
        if record.forgeable && !conversation.context.forgeable {
            // What may be a stranger's words changes nothing of what is certain.
            return;
        }
        let (ts, ts_inferred) = (told.ts, conversation.context.ts_inferred);
        conversation.last = record.ts;
        add(&mut conversation.context, record);
        (conversation.context.ts, conversation.context.ts_inferred) = (ts, ts_inferred);
        let row = self.row(conversation.context.clone(), settings, conversation.inferred);
        if row.key() == told.key() && row != *told {
            out.push(Attempt::Revised(row.clone()));
            conversation.told = Some(row);
        }
    }
}
