//! A scenario as a picture: phases as bands, each request a dot by when it was sent and how long it took, hits as ticks,
//! open breakers as bars, what was done to the backend as lines. Plain SVG, so that it needs no program to be seen.

use verdict::judge::chaos::fate::fate;
use verdict::judge::chaos::fates::word;
use verdict::judge::chaos::phases::begin_of;
use verdict::judge::chaos::phases::end_of;
use verdict::judge::chaos::phases::seconds;
use verdict::judge::chaos::view::View;

use crate::report::add;
use crate::report::explain::escaped;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 160.0;
/// Room on the left for the scale.
const LEFT: f64 = 46.0;
/// Latencies are drawn on a logarithmic scale from 1 ms to 40 s.
const SLOWEST_US: f64 = 4e7;
const FASTEST_US: f64 = 1e3;

/// The picture of one scenario.
pub(super) fn timeline(view: &View<'_>) -> String {
    let end = seconds(end_of(view)).max(0.001);
    let x = |us: u64| LEFT + (WIDTH - LEFT) * (seconds(us) / end).clamp(0.0, 1.0);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"timeline of {}\">",
        HEIGHT + 34.0,
        escaped(&view.run.name)
    );
    let out = &mut svg;
    for (n, name) in ["steady", "fault", "recovery"].into_iter().enumerate() {
        let phase = u32::try_from(n).unwrap_or(0);
        let from = x(begin_of(view, phase));
        let to = if n == 2 { WIDTH } else { x(begin_of(view, phase + 1)) };
        add(
            out,
            &format!(
                "<rect class=\"{name}\" x=\"{from:.1}\" y=\"0\" width=\"{:.1}\" height=\"{HEIGHT}\"/><text x=\"{:.1}\" y=\"{:.0}\">{name}</text>",
                to - from,
                from + 4.0,
                HEIGHT + 28.0
            ),
        );
    }
    for (label, us) in [("1 ms", 1e3), ("30 ms", 3e4), ("1 s", 1e6), ("30 s", 3e7)] {
        add(out, &format!("<text x=\"0\" y=\"{:.1}\">{label}</text>", y(us) + 4.0));
    }
    breakers(out, view, &x);
    for event in &view.processes {
        let at = x(event.at_us);
        add(
            out,
            &format!(
                "<line class=\"event\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{HEIGHT}\"><title>{:?} at {:.3} s</title></line>",
                event.what,
                seconds(event.at_us)
            ),
        );
    }
    for request in &view.requests {
        #[expect(clippy::cast_precision_loss, reason = "a picture")]
        let took = request.done_us.saturating_sub(request.sent_us) as f64;
        let fate = word(&fate(view, request));
        add(
            out,
            &format!(
                "<circle class=\"{fate}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.2\"><title>{} {} at {:.3} s: {} ({fate})</title></circle>",
                x(request.sent_us),
                y(took),
                request.kind,
                request.ordinal,
                seconds(request.sent_us),
                request.status
            ),
        );
    }
    for hit in view.fired.values().flatten() {
        let at = x(hit.at_us);
        add(
            out,
            &format!(
                "<line class=\"hit\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.0}\" y2=\"{:.0}\"/>",
                HEIGHT + 2.0,
                HEIGHT + 10.0
            ),
        );
    }
    out.push_str("</svg>");
    svg
}

fn breakers(out: &mut String, view: &View<'_>, x: &impl Fn(u64) -> f64) {
    for (dependency, spans) in &view.open {
        for span in spans {
            let (from, to) = (x(span.from_us), x(span.to_us.min(end_of(view))));
            add(
                out,
                &format!(
                    "<rect class=\"breaker\" x=\"{from:.1}\" y=\"0\" width=\"{:.1}\" height=\"6\"><title>breaker of {} open</title></rect>",
                    (to - from).max(1.0),
                    escaped(dependency)
                ),
            );
        }
    }
}

fn y(us: f64) -> f64 {
    let share = (us.max(FASTEST_US) / FASTEST_US).ln() / (SLOWEST_US / FASTEST_US).ln();
    HEIGHT - HEIGHT * share.clamp(0.0, 1.0)
}
