//! Puts the records of one connection together, and judges whether they can be.

use super::*;

/// The lane of a record: what follows in another one says nothing about it.
pub(super) fn lane(facts: &Facts) -> &str {
    facts.thread.as_deref().unwrap_or_default()
}

/// Whether an accepted client could have written this record: the parts that stand for its ID or the broker's words hold what
/// the broker puts between the client's own.
pub(super) fn is_forgeable(rule: &Rule, heard: &Heard<'_>) -> bool {
    let free = [Fact::ClientId, Fact::ClientName, Fact::Username, Fact::Words];
    // Most rules capture one or two of them.
    let holds = |fact: &Fact| heard.has(*fact) && heard.raw(*fact).is_some_and(|part| holds(part, &rule.forgeable));
    !rule.forgeable.is_empty() && free.iter().any(holds)
}

/// Whether a text holds one of these: all are short, most begin with the same byte, and the text seldom holds it.
fn holds(text: &[u8], parts: &[Vec<u8>]) -> bool {
    let mut absent = None;
    parts.iter().any(|part| {
        let Some(first) = part.first() else { return true };
        if absent == Some(*first) {
            return false;
        }
        let Some(at) = memchr::memchr(*first, text) else {
            absent = Some(*first);
            return false;
        };
        let rest = &text[at..];
        memchr::memchr_iter(*first, rest).any(|at| rest[at..].starts_with(part))
    })
}

/// Whether a name that is used again meant another connection in an earlier record, whose end was not seen.
pub(super) fn is_anothers(rule: &Rule, earlier: &Facts, facts: &Facts) -> bool {
    let listeners = earlier.listener_tls.zip(facts.listener_tls);
    rule.frees && (!earlier.agree(facts) || listeners.is_some_and(|(one, two)| one != two))
}

/// The fields that an earlier record knows and this one does not.
pub(super) fn only_in(earlier: &Facts, later: &Facts) -> Fields {
    let fields = [
        (Field::ClientId, earlier.client_id.is_some() && later.client_id.is_none()),
        (Field::Username, earlier.username.is_some() && later.username.is_none()),
        (Field::PasswordProvided, earlier.password_provided.is_some() && later.password_provided.is_none()),
        (Field::IpAddress, earlier.client_ip.is_some() && later.client_ip.is_none()),
    ];
    fields.into_iter().filter_map(|(field, only)| only.then_some(field)).collect()
}

/// The names that may have read otherwise before the broker wrote them.
pub(super) fn blurred(rule: &Rule, facts: &Facts) -> Fields {
    let mut fields = Fields::NONE;
    if !rule.blurred.is_empty() {
        for (field, name) in [(Field::ClientId, &facts.client_id), (Field::Username, &facts.username)] {
            let holds = |blur: &Vec<u8>| name.as_ref().is_some_and(|name| memchr::memmem::find(name.as_bytes(), blur).is_some());
            fields.insert_if(rule.blurred.iter().any(holds), field);
        }
    }
    fields
}

/// Whether what waits can belong to this record.
pub(super) fn agree(pending: &Context, record: &Context) -> bool {
    pending.facts.agree(&record.facts)
}

/// What opened the connection was not the client but something before it: the record names the client itself.
pub(super) fn corrected(rule: &Rule, earlier: &mut Context, record: &Context) {
    let facts = &mut earlier.facts;
    if rule.corrects && record.facts.client_ip.is_some() && facts.client_ip != record.facts.client_ip {
        (facts.client_ip, facts.client_port) = (record.facts.client_ip, record.facts.client_port);
    }
}

/// Puts a later record of the same connection behind an earlier one; what the later says of it counts.
pub(super) fn merge(earlier: &mut Context, mut facts: Facts, why: Why, mut remarks: Remarks) {
    settle_username(earlier, &mut facts, &mut remarks);
    earlier.facts.add_later(facts);
    earlier.why.add(why);
    add_remarks(earlier, remarks);
}

/// The same of a record that is a context of its own.
pub(super) fn merge_context(earlier: &mut Context, mut later: Box<Context>) {
    let remarks = Remarks::of(&mut later);
    merge(earlier, std::mem::take(&mut later.facts), std::mem::take(&mut later.why), remarks);
    add_words(earlier, *later);
}

/// A later record may name a user that the client did not: the one of its certificate, or the broker's own. Where an earlier one says
/// what the client sent, that counts, and is not doubted.
fn settle_username(earlier: &Context, facts: &mut Facts, later: &mut Remarks) {
    let doubted = later.doubt.has(Field::Username) || later.doubt_tls.has(Field::Username);
    if doubted && earlier.facts.no_username {
        facts.username = None;
        later.password_if_plain = false;
    }
    if doubted && (earlier.facts.no_username || earlier.facts.username.is_some()) {
        later.doubt.remove(Field::Username);
        later.doubt_tls.remove(Field::Username);
    }
}

/// Adds a later record of the same connection; what the earlier ones said of it counts.
pub(super) fn add(earlier: &mut Context, mut later: Box<Context>) {
    let mut remarks = Remarks::of(&mut later);
    settle_username(earlier, &mut later.facts, &mut remarks);
    earlier.facts.add(std::mem::take(&mut later.facts));
    earlier.why.add(std::mem::take(&mut later.why));
    add_remarks(earlier, remarks);
    add_words(earlier, *later);
}

/// What a record says beside its facts and its reason: as in a [`Context`].
#[derive(Debug, Default)]
pub(super) struct Remarks {
    pub(super) ts: Millis,
    pub(super) ts_inferred: bool,
    pub(super) made_up: bool,
    pub(super) random_id: bool,
    pub(super) forgeable: bool,
    pub(super) unclear: bool,
    pub(super) doubt: Fields,
    pub(super) misread: Fields,
    pub(super) doubt_tls: Fields,
    pub(super) password_if_plain: bool,
    pub(super) read_at: Millis,
    pub(super) twin: Option<Box<Twin>>,
}

impl Remarks {
    /// Those of a context.
    fn of(context: &mut Context) -> Remarks {
        Remarks {
            ts: context.ts,
            ts_inferred: context.ts_inferred,
            made_up: context.made_up,
            random_id: context.random_id,
            forgeable: context.forgeable,
            unclear: context.unclear,
            doubt: context.doubt,
            misread: context.misread,
            doubt_tls: context.doubt_tls,
            password_if_plain: context.password_if_plain,
            read_at: context.read_at,
            twin: context.twin.take(),
        }
    }
}

fn add_remarks(earlier: &mut Context, later: Remarks) {
    earlier.doubt |= later.doubt;
    earlier.doubt_tls |= later.doubt_tls;
    earlier.misread |= later.misread;
    earlier.password_if_plain |= later.password_if_plain;
    earlier.forgeable |= later.forgeable;
    earlier.unclear |= later.unclear;
    earlier.made_up |= later.made_up;
    earlier.random_id |= later.random_id;
    earlier.ts = later.ts;
    earlier.ts_inferred = later.ts_inferred;
    earlier.read_at = later.read_at;
    earlier.twin = later.twin.or(earlier.twin.take());
}

/// Adds the lines, and the rules that gave them.
fn add_words(earlier: &mut Context, later: Context) {
    for rule in later.rules {
        if !earlier.rules.contains(&rule) {
            earlier.rules.push(rule);
        }
    }
    for line in later.evidence.iter() {
        earlier.add_line(|evidence| evidence.push(line));
    }
}
