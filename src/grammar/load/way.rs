//! Loads the ways in which a rule's record may read: `match`, `match_regex`, `[rule.fields]`.

use regex::bytes::RegexBuilder;
use toml::de::DeValue;

use super::forms::{look_ahead, pattern};
use crate::grammar::fact::Fact;
use crate::grammar::literal;
use crate::grammar::matcher::Matcher;
use crate::grammar::pattern::{Element, MOST_OPTIONAL, Pattern, near, spelled_out};
use crate::grammar::reader::{Reader, Text};
use crate::grammar::way::{FieldPattern, How, Way};

/// `match`: a pattern, perhaps with parts that may be missing.
pub(super) fn pattern_way(reader: &mut Reader<'_>, text: &Text) -> Option<Way> {
    let parts = text.value.matches("{?").count();
    if parts == 0 {
        let pattern = pattern(reader, text)?;
        let rank = (pattern.literal_len(), typed(&pattern), false);
        let how = How::Pattern(Box::new(Matcher::new(&pattern)));
        let way = Way::new(how, text.value.clone(), rank, literal::longest(&pattern));
        return Some(Way { others: literal::runs(&pattern), ..way });
    }
    if parts > MOST_OPTIONAL || text.value.matches("?}").count() != parts {
        reader.fault(
            text.span.clone(),
            "the parts that may be missing cannot be told",
            format!("expected {{?part?}}, not inside each other, {MOST_OPTIONAL} at the most"),
        );
        return None;
    }
    let spelled = spelled_out(&text.value);
    let mut patterns = Vec::new();
    for one in &spelled {
        match Pattern::parse(one) {
            Ok(mut pattern) => {
                look_ahead(reader, text, &mut pattern);
                patterns.push(pattern);
            }
            Err(errors) => {
                for error in errors {
                    let message = format!("read as \"{one}\": {}", error.message);
                    reader.fault(text.span.clone(), message, error.help);
                }
                return None;
            }
        }
    }
    let least = |count: &dyn Fn(&Pattern) -> usize| patterns.iter().map(count).min().unwrap_or_default();
    let literal = literal::longest_of_all(&patterns);
    let rank = (least(&Pattern::literal_len), least(&typed), false);
    let way = Way::new(How::Pattern(Box::new(Matcher::any(&patterns, &literal))), text.value.clone(), rank, literal);
    // What stands outside of the parts that may be missing.
    let always = text.value.split("{?").map(|part| part.split_once("?}").map_or(part, |(_, after)| after));
    let others = always.filter_map(|part| Pattern::parse(part).ok()).flat_map(|pattern| literal::runs(&pattern)).collect();
    Some(Way { others, ..way })
}

/// `[rule.fields]`: a pattern, or several, for each named value; a name that ends in `?` may be missing.
pub(super) fn fields_way<'s>(reader: &mut Reader<'s>, value: &toml::Spanned<DeValue<'s>>) -> Option<Way> {
    let DeValue::Table(table) = value.get_ref() else {
        reader.fault(value.span(), "\"fields\" is no table", "expected [rule.fields] with a pattern for each value");
        return None;
    };
    let (mut fields, mut written, mut rank) = (Vec::new(), Vec::new(), (0, 0, false));
    let (mut best, mut others, mut record) = (Vec::new(), Vec::new(), None);
    for (key, value) in table.iter() {
        let (name, optional) = key.get_ref().strip_suffix('?').map_or((key.get_ref().as_ref(), false), |name| (name, true));
        let texts = reader.texts(value);
        let patterns: Vec<Pattern> = texts.iter().filter_map(|text| pattern(reader, text)).collect();
        let least = |count: &dyn Fn(&Pattern) -> usize| patterns.iter().map(count).min().unwrap_or_default();
        if !optional {
            // The name itself is a condition, too.
            rank.0 += least(&Pattern::literal_len) + 1;
            rank.1 += least(&typed);
            let literal = literal::longest_of_all(&patterns);
            match patterns.as_slice() {
                [only] => others.extend(literal::runs(only)),
                _ if literal.len() >= literal::GOOD => others.push(literal.clone()),
                _ => {}
            }
            // The name stands there as well; that of a value inside another value at least with its last part.
            let by_name = literal::safe_run(name.rsplit('.').next().unwrap_or_default().as_bytes());
            for literal in [literal.as_slice(), by_name] {
                if literal.len() > best.len() && (best.len() < literal::GOOD || !std::ptr::eq(literal, by_name)) {
                    best = literal.to_vec();
                }
            }
        }
        if let ("#", [Pattern { elements }]) = (name, patterns.as_slice())
            && let [Element::Literal(kind)] = elements.as_slice()
        {
            record = Some(format!("#{kind}{{").into_bytes());
        }
        written.extend(texts.iter().map(|text| format!("{}: {}", key.get_ref(), text.value)));
        let facts = patterns.iter().flat_map(|pattern| pattern.facts()).collect();
        fields.push(FieldPattern { name: name.to_owned(), optional, matchers: patterns.iter().map(Matcher::new).collect(), facts });
    }
    // The values of an Erlang record may be written in numbers, its name never is.
    if let Some(record) = record {
        return Some(Way::new(How::Fields(fields), written.join(", "), rank, record));
    }
    Some(Way { others, ..Way::new(How::Fields(fields), written.join(", "), rank, best) })
}

fn typed(pattern: &Pattern) -> usize {
    pattern.elements.iter().filter(|element| matches!(element, Element::Capture { kind, .. } if !kind.is_free())).count()
}

pub(super) fn regex_way(reader: &mut Reader<'_>, text: &Text, literal: Option<&Text>) -> Option<Way> {
    let Some(literal) = literal else {
        reader.fault(
            text.span.clone(),
            "a regular expression needs a \"literal\"",
            "expected literal = \"a text that every such record holds\"",
        );
        return None;
    };
    let built = RegexBuilder::new(&format!("^(?:{})$", text.value)).unicode(false).dot_matches_new_line(true).size_limit(1 << 20).build();
    let regex = match built {
        Ok(regex) => regex,
        Err(error) => {
            let error = error.to_string();
            let line = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            reader.fault(text.span.clone(), "not a regular expression", line);
            return None;
        }
    };
    let mut groups = Vec::new();
    for (index, name) in regex.capture_names().enumerate() {
        let Some(name) = name else { continue };
        match Fact::from_name(name) {
            Some(fact) => groups.push((fact, index)),
            None => reader.fault(
                text.span.clone(),
                format!("no fact is called \"{name}\""),
                near(name, Fact::ALL.iter().map(|fact| fact.name()), "the facts are"),
            ),
        }
    }
    let rank = (literal.value.len(), 0, false);
    let literal = literal::safe_run(literal.value.as_bytes()).to_vec();
    Some(Way::new(How::Regex(Box::new(regex), groups), text.value.clone(), rank, literal))
}
