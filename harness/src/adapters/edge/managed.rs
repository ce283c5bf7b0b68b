//! AWS's managed rule groups, as far as they are documented ("Baseline rule groups" and "Use-case specific rule groups", AWS
//! WAF developer guide): their rules, the part of a request that each looks at, and the label that it sets. What they look
//! for is closed, so nothing is served by this: it only says what a request **may** fall under, and rather too much.

use libinjectionrs::detect_sqli;
use libinjectionrs::detect_xss;

use super::component::Seen;
use super::firewall::ManagedGroup;
use super::firewall::Matched;

/// No firewall sees more of a body, whatever it is set to ("Managing body inspection size limits": 64 KB).
const SEEN_OF_BODY_MAX: usize = 65_536;
/// A run of base64 as long as this may look like anything.
const OPAQUE_MIN: usize = 256;

/// A part of a request that a rule looks at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Body,
    Query,
    Path,
    Cookie,
    /// All of them.
    Headers,
    UserAgent,
    Host,
    Method,
}

/// What a rule looks for.
#[derive(Clone, Copy, Debug)]
enum For {
    LongerThan(usize),
    /// It is not there.
    Nothing,
    Sql,
    Script,
    /// One of these words, in any case.
    Words(&'static [&'static str]),
}

/// One rule: its name, the part, what for. Its label is the name with the part in another case.
type Rule = (&'static str, &'static str, Part, For);

const FILES: For = For::Words(&["../", "..\\", "/etc/", "/proc/", "file:"]);
const REMOTE: For = For::Words(&["://"]);
const METADATA: For = For::Words(&["169.254.169.254", "metadata"]);
const EXTENSIONS: For = For::Words(&[".log", ".ini", ".bak", ".conf", ".sql", ".env", ".sh"]);
const LOOKUP: For = For::Words(&["${"]);
const JAVA: For = For::Words(&["java.lang", "getruntime", "classloader", "processbuilder"]);

/// `AWSManagedRulesCommonRuleSet`.
const COMMON: &[Rule] = &[
    ("NoUserAgent_HEADER", "NoUserAgent_Header", Part::UserAgent, For::Nothing),
    (
        "UserAgent_BadBots_HEADER",
        "BadBots_Header",
        Part::UserAgent,
        For::Words(&["nessus", "nmap", "sqlmap", "scan", "bot"]),
    ),
    (
        "SizeRestrictions_QUERYSTRING",
        "SizeRestrictions_QueryString",
        Part::Query,
        For::LongerThan(2_048),
    ),
    (
        "SizeRestrictions_Cookie_HEADER",
        "SizeRestrictions_Cookie_Header",
        Part::Cookie,
        For::LongerThan(10_240),
    ),
    ("SizeRestrictions_BODY", "SizeRestrictions_Body", Part::Body, For::LongerThan(8_192)),
    ("SizeRestrictions_URIPATH", "SizeRestrictions_URIPath", Part::Path, For::LongerThan(1_024)),
    ("EC2MetaDataSSRF_BODY", "EC2MetaDataSSRF_Body", Part::Body, METADATA),
    ("EC2MetaDataSSRF_COOKIE", "EC2MetaDataSSRF_Cookie", Part::Cookie, METADATA),
    ("EC2MetaDataSSRF_URIPATH", "EC2MetaDataSSRF_URIPath", Part::Path, METADATA),
    ("EC2MetaDataSSRF_QUERYARGUMENTS", "EC2MetaDataSSRF_QueryArguments", Part::Query, METADATA),
    ("GenericLFI_QUERYARGUMENTS", "GenericLFI_QueryArguments", Part::Query, FILES),
    ("GenericLFI_URIPATH", "GenericLFI_URIPath", Part::Path, FILES),
    ("GenericLFI_BODY", "GenericLFI_Body", Part::Body, FILES),
    ("RestrictedExtensions_URIPATH", "RestrictedExtensions_URIPath", Part::Path, EXTENSIONS),
    (
        "RestrictedExtensions_QUERYARGUMENTS",
        "RestrictedExtensions_QueryArguments",
        Part::Query,
        EXTENSIONS,
    ),
    ("GenericRFI_QUERYARGUMENTS", "GenericRFI_QueryArguments", Part::Query, REMOTE),
    ("GenericRFI_BODY", "GenericRFI_Body", Part::Body, REMOTE),
    ("GenericRFI_URIPATH", "GenericRFI_URIPath", Part::Path, REMOTE),
    ("CrossSiteScripting_COOKIE", "CrossSiteScripting_Cookie", Part::Cookie, For::Script),
    (
        "CrossSiteScripting_QUERYARGUMENTS",
        "CrossSiteScripting_QueryArguments",
        Part::Query,
        For::Script,
    ),
    ("CrossSiteScripting_BODY", "CrossSiteScripting_Body", Part::Body, For::Script),
    ("CrossSiteScripting_URIPATH", "CrossSiteScripting_URIPath", Part::Path, For::Script),
];

/// `AWSManagedRulesSQLiRuleSet`.
const SQL: &[Rule] = &[
    ("SQLi_QUERYARGUMENTS", "SQLi_QueryArguments", Part::Query, For::Sql),
    (
        "SQLiExtendedPatterns_QUERYARGUMENTS",
        "SQLiExtendedPatterns_QueryArguments",
        Part::Query,
        For::Sql,
    ),
    ("SQLi_BODY", "SQLi_Body", Part::Body, For::Sql),
    ("SQLiExtendedPatterns_BODY", "SQLiExtendedPatterns_Body", Part::Body, For::Sql),
    ("SQLi_COOKIE", "SQLi_Cookie", Part::Cookie, For::Sql),
    ("SQLi_URIPATH", "SQLi_URIPath", Part::Path, For::Sql),
];

/// `AWSManagedRulesKnownBadInputsRuleSet`.
const KNOWN_BAD: &[Rule] = &[
    ("JavaDeserializationRCE_HEADER", "JavaDeserializationRCE_Header", Part::Headers, JAVA),
    ("JavaDeserializationRCE_BODY", "JavaDeserializationRCE_Body", Part::Body, JAVA),
    ("JavaDeserializationRCE_URIPATH", "JavaDeserializationRCE_URIPath", Part::Path, JAVA),
    ("JavaDeserializationRCE_QUERYSTRING", "JavaDeserializationRCE_QueryString", Part::Query, JAVA),
    ("Host_localhost_HEADER", "Host_Localhost_Header", Part::Host, For::Words(&["localhost"])),
    ("PROPFIND_METHOD", "Propfind_Method", Part::Method, For::Words(&["propfind"])),
    (
        "ExploitablePaths_URIPATH",
        "ExploitablePaths_URIPath",
        Part::Path,
        For::Words(&["web-inf", ".git", "php", "cgi-bin", ".aws", "wp-"]),
    ),
    ("Log4JRCE_HEADER", "Log4JRCE_Header", Part::Headers, LOOKUP),
    ("Log4JRCE_QUERYSTRING", "Log4JRCE_QueryString", Part::Query, LOOKUP),
    ("Log4JRCE_BODY", "Log4JRCE_Body", Part::Body, LOOKUP),
    ("Log4JRCE_URIPATH", "Log4JRCE_URIPath", Part::Path, LOOKUP),
];

/// The rules of a group, and the namespace of its labels; none of a group that is not described here.
fn described(group: &str) -> Option<(&'static [Rule], &'static str)> {
    match group {
        "AWSManagedRulesCommonRuleSet" => Some((COMMON, "core-rule-set")),
        "AWSManagedRulesSQLiRuleSet" => Some((SQL, "sql-database")),
        "AWSManagedRulesKnownBadInputsRuleSet" => Some((KNOWN_BAD, "known-bad-inputs")),
        _ => None,
    }
}

/// Whether it is known which rules a group has.
pub(super) fn is_described(group: &str) -> bool {
    described(group).is_some()
}

/// Overrides of rules that the group does not have: written wrong, they override nothing.
pub(super) fn idle_overrides(group: &ManagedGroup) -> Vec<&str> {
    let rules = described(&group.name).map_or(&[][..], |(rules, _)| rules);
    let known = |name: &str| rules.iter().any(|rule| rule.0 == name);
    group.overrides.keys().map(String::as_str).filter(|name| !known(name)).collect()
}

/// Every rule of `group` that `seen` may fall under.
pub(super) fn may_match(group: &ManagedGroup, seen: &Seen<'_>) -> Vec<Matched> {
    let Some((rules, namespace)) = described(&group.name) else { return Vec::new() };
    let falls = rules.iter().filter(|(_, _, part, wanted)| wanted.may_be_in(&part.of(seen)));
    let matched = falls.map(|(rule, label, ..)| Matched {
        rule,
        label: format!("awswaf:managed:aws:{namespace}:{label}"),
    });
    matched.collect()
}

impl Part {
    /// The part, as it was sent and decoded once; in lower case.
    fn of(self, seen: &Seen<'_>) -> String {
        let header = |name: &str| {
            let values = seen.headers.get_all(name).iter();
            values
                .map(|value| String::from_utf8_lossy(value.as_bytes()))
                .collect::<Vec<_>>()
                .join("\n")
        };
        let text = match self {
            Self::Body => {
                let part = seen.body.get(..SEEN_OF_BODY_MAX).unwrap_or(seen.body);
                String::from_utf8_lossy(part).into_owned()
            }
            Self::Query => seen.query.to_owned(),
            Self::Path => seen.path.to_owned(),
            Self::Cookie => header("cookie"),
            Self::Headers => {
                let names = seen.headers.keys().map(|name| header(name.as_str()));
                names.collect::<Vec<_>>().join("\n")
            }
            Self::UserAgent => header("user-agent"),
            Self::Host => header("host"),
            Self::Method => seen.method.to_owned(),
        };
        text.to_lowercase()
    }
}

impl For {
    fn may_be_in(self, text: &str) -> bool {
        let has = |word: &str| text.contains(word);
        let decoded = || {
            let plain = text.replace('+', " ");
            url::form_urlencoded::parse(plain.as_bytes())
                .flat_map(|(name, value)| [name.into_owned(), value.into_owned()])
                .collect::<Vec<_>>()
        };
        match self {
            Self::LongerThan(bytes) => text.len() > bytes,
            Self::Nothing => text.is_empty(),
            Self::Words(words) => words.iter().any(|word| has(word)),
            Self::Sql => {
                is_opaque(text)
                    || ["select ", "drop ", "union ", "insert ", "delete ", "--", "' or ", ";"]
                        .iter()
                        .any(|word| has(word))
                    || decoded().iter().any(|text| detect_sqli(text.as_bytes()).is_injection())
            }
            Self::Script => {
                is_opaque(text)
                    || ["<", "javascript:"].iter().any(|word| has(word))
                    || decoded().iter().any(|text| detect_xss(text.as_bytes()).is_injection())
            }
        }
    }
}

/// Whether a long run of base64 is in a text.
fn is_opaque(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    text.split(|c| !letter(c)).any(|run| run.len() >= OPAQUE_MIN)
}
