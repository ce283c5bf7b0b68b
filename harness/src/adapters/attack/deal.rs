//! Deals attacks out to casts: what one cast plays stays below its daily quota and its rate limit.

use verdict::domain::attack::Attack;
use verdict::domain::stage::Limits;

/// Attacks that one cast plays at most: each takes up to four requests, and the stages' rate limit allows 120 a minute.
const MOST: usize = 24;

/// Hands of attacks, each for a cast of its own. An attack may be charged once.
pub fn deal<'a>(
    attacks: impl IntoIterator<Item = &'a Attack>,
    limits: &Limits,
) -> Vec<Vec<&'a Attack>> {
    let quota = limits.daily_quota.min(limits.monthly_quota);
    let charged_most = usize::try_from(quota).unwrap_or(usize::MAX).max(1);
    let mut hands: Vec<Vec<&Attack>> = Vec::new();
    let mut charged = 0;
    for attack in attacks {
        let charge = usize::from(attack.may_be_charged());
        match hands.last_mut() {
            Some(hand) if hand.len() < MOST && charged + charge <= charged_most => {
                hand.push(attack);
                charged += charge;
            }
            Some(_) | None => {
                hands.push(vec![attack]);
                charged = charge;
            }
        }
    }
    hands
}

#[cfg(test)]
mod tests {
    use verdict::domain::attack::AtEdge;
    use verdict::domain::attack::Family;
    use verdict::domain::attack::Payload;
    use verdict::domain::attack::Place;
    use verdict::domain::attack::Template;
    use verdict::domain::non_empty::NonEmpty;

    use super::*;

    fn attack(place: Place, answer: &str) -> Attack {
        Attack {
            family: Family::Xss,
            name: "a".to_owned(),
            place,
            payload: Payload::Template(Template::plain(b"a".to_vec())),
            answers: NonEmpty::new(vec![answer.parse().unwrap()]).unwrap(),
            edge: AtEdge::Passes,
            legitimate: false,
            says: None,
            visits: false,
        }
    }

    #[test]
    fn a_hand_stays_below_the_quota_and_the_rate_limit() {
        let limits = Limits {
            daily_quota: 8,
            monthly_quota: 5,
            rate_limit: None,
            max_rate_per_s: None,
            max_users: None,
            max_cost_cents: None,
            chaos: false,
        };
        let lengths =
            |attacks: &[Attack]| deal(attacks, &limits).iter().map(Vec::len).collect::<Vec<_>>();
        let (asked, refused) =
            (attack(Place::Question, "200"), attack(Place::Question, "400 question_invalid"));
        assert_eq!(lengths(&vec![asked.clone(); 9]), [5, 4]);
        assert_eq!(lengths(&vec![refused.clone(); 30]), [24, 6]);
        assert_eq!(lengths(&[asked.clone(), refused, asked]), [3]);
        assert!(deal(&[], &limits).is_empty());
    }
}
