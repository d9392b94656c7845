//! Names of months and days as the C locale writes them, which is the one that daemons log in, and of months as
//! journalctl writes them in the language of who looks.

/// The months, January first.
pub(super) const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// Short names of the months in other languages (German, French, Italian, Spanish, Portuguese, Dutch, the Nordic ones, Polish,
/// Czech, Hungarian, Russian, Ukrainian), with the index of the month, as far as they are not the C locale's and mean one month
/// only.
const ELSEWHERE: &[(&str, usize)] = &[
    ("Mär", 2),
    ("Mai", 4),
    ("Okt", 9),
    ("Dez", 11),
    ("janv.", 0),
    ("févr.", 1),
    ("mars", 2),
    ("avril", 3),
    ("juin", 5),
    ("juil.", 6),
    ("août", 7),
    ("sept.", 8),
    ("oct.", 9),
    ("nov.", 10),
    ("déc.", 11),
    ("gen", 0),
    ("mag", 4),
    ("giu", 5),
    ("lug", 6),
    ("ago", 7),
    ("set", 8),
    ("ott", 9),
    ("dic", 11),
    ("ene", 0),
    ("abr", 3),
    ("fev", 1),
    ("out", 9),
    ("mrt", 2),
    ("mei", 4),
    ("maj", 4),
    ("des", 11),
    ("sty", 0),
    ("lut", 1),
    ("kwi", 3),
    ("cze", 5),
    ("lip", 6),
    ("sie", 7),
    ("wrz", 8),
    ("paź", 9),
    ("lis", 10),
    ("gru", 11),
    ("led", 0),
    ("úno", 1),
    ("bře", 2),
    ("dub", 3),
    ("kvě", 4),
    ("čen", 5),
    ("čec", 6),
    ("srp", 7),
    ("zář", 8),
    ("říj", 9),
    ("pro", 11),
    ("jan.", 0),
    ("febr.", 1),
    ("márc.", 2),
    ("ápr.", 3),
    ("máj.", 4),
    ("jún.", 5),
    ("júl.", 6),
    ("aug.", 7),
    ("szept.", 8),
    ("okt.", 9),
    ("dec.", 11),
    ("янв", 0),
    ("фев", 1),
    ("мар", 2),
    ("апр", 3),
    ("мая", 4),
    ("май", 4),
    ("июн", 5),
    ("июл", 6),
    ("авг", 7),
    ("сен", 8),
    ("окт", 9),
    ("ноя", 10),
    ("дек", 11),
    ("січ", 0),
    ("лют", 1),
    ("бер", 2),
    ("кві", 3),
    ("тра", 4),
    ("чер", 5),
    ("лип", 6),
    ("сер", 7),
    ("вер", 8),
    ("жов", 9),
    ("лис", 10),
    ("гру", 11),
];

/// The days of the week.
pub(super) const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The index in `names` of the name at the start of `input`, in full or by its first three letters and in any case, and its length.
pub(super) fn leading(names: &[&str], input: &[u8]) -> Option<(usize, usize)> {
    names.iter().enumerate().find_map(|(index, name)| {
        let starts = |length: usize| {
            let (head, want) = (input.get(..length)?, name.as_bytes().get(..length)?);
            head.eq_ignore_ascii_case(want).then_some((index, length))
        };
        starts(name.len()).or_else(|| starts(3))
    })
}

/// The month whose name, in any of the languages, stands at the start of `input`, and the name's length: the longest that fits.
pub(super) fn leading_month(input: &[u8]) -> Option<(usize, usize)> {
    let elsewhere =
        ELSEWHERE.iter().filter(|(name, _)| input.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name.as_bytes())));
    leading(&MONTHS, input).into_iter().chain(elsewhere.map(|(name, index)| (*index, name.len()))).max_by_key(|(_, length)| *length)
}
