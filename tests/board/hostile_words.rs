//! What strangers may write where a name, a sentence or a figure belongs, and boards that are full of it.

use std::fs;

use hlb_core::text::SafeText;
use hlb_core::units::DeviceKind;
use hlb_protocol::run_log::{Shortcut, ShortcutName};

use crate::support::fixture::{Fixture, Spec, gpu_machine, price};

/// Markup, template tags, script links, quotes, formulas, paths, escapes and hidden characters, as a stranger would try them.
const WORDS: [&str; 112] = [
    // Elements and comments.
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<ScRiPt/x>alert(1)</sCrIpT >",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script href=data:,alert(1) />",
    "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "<a href=javascript:alert(1)>here</a>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<link rel=stylesheet href=//evil.example>",
    "<style>*{display:none}</style>",
    "<table><tr><td>",
    "</td></tr></table>",
    "</td><td>another cell",
    "</title></style></svg><h1>mine</h1><!--",
    "</textarea></noscript></template></select>",
    "</body></html>",
    "<!-- never closed",
    "-->",
    "--!><b>",
    "<!doctype html>",
    "<?php echo 1 ?>",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>",
    "<![CDATA[x",
    "]]>",
    "]]>]]&gt;",
    "<plaintext>",
    "<math><mtext><table><mglyph><style>",
    "<",
    ">",
    "< b >",
    "<\u{ff1c}b\u{ff1e}>",
    "\u{ff1c}script\u{ff1e}alert(1)",
    "<entry><id>tag:mine</id></entry>",
    "</summary></entry></feed>",
    "</name></author><author><name>another",
    "<url><loc>https://evil.example</loc></url>",
    // Attributes and quotes.
    "\"",
    "'",
    "\"\"",
    "''",
    "`",
    "\"><img src=x onerror=alert(1)>",
    "'><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' autofocus onfocus='alert(1)",
    "x onclick=alert(1)",
    "\" /><script>",
    "\" style=\"position:fixed",
    "=\"=\"",
    "\\",
    "\\\"",
    "\\'",
    "\\\\\"}],",
    // Entities and other escapes.
    "&",
    "&amp;",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "&#x3c;b&#x3e;",
    "&#0;",
    "&nosuch;",
    "&lt",
    "%3Cscript%3E",
    "%00",
    "%0a%0d",
    "%0aSet-Cookie: a=b",
    "\\u003cscript\\u003e",
    "\\u0000",
    "\\x00",
    "\\0",
    "\\n\\r\\t",
    "\\u2028",
    // Templates and shells.
    "{{ 7 * 7 }}{% include 'base.html' %}",
    "{% raw %}",
    "{# comment",
    "{{",
    "}}",
    "${7*7}",
    "#{7*7}",
    "$(touch pwned)",
    "`touch pwned`",
    "; touch pwned",
    "| cat /etc/passwd",
    // Addresses and paths.
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//evil.example/",
    "https://evil.example/?a=1&b=2#c",
    "../../../../etc/passwd",
    "..\\..\\windows",
    // Tables.
    "=cmd()",
    "=1+1",
    "=HYPERLINK(\"https://evil.example\",\"click\")",
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "'=1+1",
    "=cmd|' /C calc'!A0",
    "a,b;c",
    "\",\"",
    "a\",\"b\",=1+1",
    // JSON and YAML.
    "\"}],\"entries\":[]",
    "null",
    "- &a *a !!python/object",
    "1e999",
    // Letters that are hard to draw.
    "Ω≈ç√∫˜µ≤≥÷ ﷽ ﷽",
    "試験 🚀🎉 é̩̩̩̩̩",
    "مرحبا שלום",
    "Ｆｕｌｌ ｗｉｄｔｈ",
    "𝕊𝕔𝕣𝕚𝕡𝕥",
];

/// Texts that only what a machine says of itself may hold, which is not one of ours to type.
const BROKEN: [&str; 4] = ["two\nlines", "\ttab", "=1\n+1", "a,\"b\n\",c"];

/// Texts that nothing in an entry may hold: their characters end lines or strings, hide, or turn the direction of writing.
const HIDDEN: [&str; 10] = [
    "carriage\rreturn",
    "\0",
    "a\u{1b}[31mred",
    "\u{7f}",
    "evil\u{202e}txt.exe",
    "\u{2066}isolated\u{2069}",
    "zero\u{200b}width",
    "line\u{2028}separator",
    "\u{feff}mark",
    "family \u{1f468}\u{200d}\u{1f469}",
];

/// Every text that an entry may hold, very long ones among them.
pub(crate) fn admitted() -> Vec<String> {
    let long = ["x", "<b>", "\"", "&", "𝕊", "= "].map(|unit| cut(&unit.repeat(400), 400));
    WORDS.iter().chain(&BROKEN).map(|words| (*words).to_owned()).chain(long).collect()
}

/// A text as the typed fields take it: on one line.
pub(crate) fn on_a_line(words: &str) -> String {
    words.replace(['\n', '\t'], " ")
}

/// As many plain texts.
pub(crate) fn harmless() -> Vec<String> {
    (0..admitted().len()).map(|number| format!("plain words number {number}")).collect()
}

/// A text's first characters.
pub(crate) fn cut(words: &str, most: usize) -> String {
    words.chars().take(most).collect()
}

/// The field takes the text's beginning.
fn safe<const N: usize>(words: &str) -> SafeText<N> {
    cut(&on_a_line(words), N).parse().expect("admitted")
}

/// A name of a processor or a GPU takes the text's beginning, with one blank between its words.
fn device_name(words: &str) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&words, 120).trim().to_owned()
}

/// An entry whose every free text is `words`, or begins like it.
pub(crate) fn spec(name: &str, words: &str) -> Spec {
    let mut spec = Spec::named(name);
    (spec.authors, spec.description) = (vec![cut(&on_a_line(words), 80), "B".to_owned()], on_a_line(words));
    spec.machine = gpu_machine();
    (spec.machine.host.cpu, spec.machine.host.kernel) = (Some(device_name(words)), None);
    spec.machine.host.operating_system = Some(on_a_line(words));
    spec.machine.host.unknown.insert("kernel".to_owned(), on_a_line(words));
    spec.machine.gpus[0].name = Some(device_name(words));
    spec.device = DeviceKind::Cuda;
    spec.shortcuts = vec![Shortcut { name: ShortcutName::CudaGraph, refused: Some(safe(words)) }];
    let mut price = price(1.0);
    (price.provider, price.region, price.instance) = (safe(words), safe(words), safe(words));
    (price.source, price.date) = (safe(words), Some(safe(words)));
    spec.price = Some(price);
    spec
}

/// A board with an entry and a rejected folder for each of `all`.
pub(crate) fn board(all: &[String]) -> Fixture {
    let fixture = Fixture::new();
    for (number, words) in (0_u32..).zip(all) {
        let name = format!("words-{number}");
        // Apart by more than the fixture's own wobble, so that none is taken for a copy of another.
        let runs = Spec::runs(10, 2.5 + 0.01 * f64::from(number), 16);
        fixture.file(&Spec { runs, ..spec(&name, words) });
        let rejected = format!("{number} {}", cut(words, 50).replace('/', "∕"));
        fs::create_dir(fixture.submissions().join("shapes").join(rejected)).expect("made");
    }
    fixture
}

#[test]
fn hidden_characters_get_into_no_text() {
    for words in HIDDEN {
        assert!(words.parse::<SafeText<400>>().is_err(), "{words:?} is a safe text");
        assert!(hlb_core::yaml::emit(words).is_err(), "{words:?} gets into a result");
    }
}
