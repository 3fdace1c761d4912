//! Decides what a call has to do for a token: use the one there is, renew it, fetch one, or wait.

use super::super::classify::Failure;
use super::answer::Granted;
use contract::Tick;
use http::HeaderValue;
use std::time::Duration;

/// A token is renewed this long before it ends, or after four fifths of its life if that is later.
const EARLY: Duration = Duration::from_secs(60);
/// The life of a token whose answer does not tell it. One that ends sooner is answered with 401, and renewed then.
const LIFE_UNTOLD: Duration = Duration::from_secs(300);
/// No token is kept for longer.
const LIFE_MAX: Duration = Duration::from_secs(24 * 3600);
/// A refusal is remembered just long enough to spare the endpoint a storm.
const REFUSED_FOR: Duration = Duration::from_secs(3);

/// A token, as it is sent.
#[derive(Clone, Debug)]
pub(in super::super) struct Token {
    /// `Bearer …`, marked sensitive.
    pub(in super::super) field: HeaderValue,
    renew_at: Tick,
    ends: Tick,
}

/// What is known of a target's token.
#[derive(Default)]
pub(super) struct Known {
    token: Option<Token>,
    refused: Option<(Tick, Failure)>,
}

/// What a call has to do.
#[derive(Debug)]
pub(super) enum Need {
    /// Use this.
    Nothing(Token),
    /// Renew it, or use it if somebody else does.
    Early(Token),
    /// Fetch one.
    Token,
    /// Fail: it was refused just now.
    Patience(Failure),
}

impl Known {
    pub(super) fn need(&self, now: Tick) -> Need {
        let refused = self.refused.as_ref().filter(|(until, _)| now < *until);
        match (&self.token, refused) {
            (Some(token), _) if now < token.renew_at => Need::Nothing(token.clone()),
            (Some(token), Some(_)) if now < token.ends => Need::Nothing(token.clone()),
            (Some(token), None) if now < token.ends => Need::Early(token.clone()),
            (Some(_) | None, Some((_, failure))) => Need::Patience(failure.clone()),
            (Some(_) | None, None) => Need::Token,
        }
    }

    /// Keeps what came of asking. The life of a token counts from when it was asked for.
    pub(super) fn learn(
        &mut self,
        fetched: Result<Granted, Failure>,
        asked: Tick,
        now: Tick,
    ) -> Result<Token, Failure> {
        match fetched {
            Ok(Granted { field, life }) => {
                let life = life.unwrap_or(LIFE_UNTOLD).min(LIFE_MAX);
                let renew_at = Tick(asked.0 + life.saturating_sub(EARLY.min(life / 5)));
                let token = Token { field, renew_at, ends: Tick(asked.0 + life) };
                *self = Self { token: Some(token.clone()), refused: None };
                Ok(token)
            }
            Err(failure) => {
                self.refused = Some((Tick(now.0 + REFUSED_FOR), failure.clone()));
                Err(failure)
            }
        }
    }

    /// Uses this token no more. One that has come since stays.
    pub(super) fn forget(&mut self, token: &Token) {
        if self.token.as_ref().is_some_and(|known| known.field == token.field) {
            self.token = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::delivery::ErrorClass;

    fn at(seconds: u64) -> Tick {
        Tick(Duration::from_secs(seconds))
    }

    fn granted(text: &'static str, life: Option<u64>) -> Result<Granted, Failure> {
        Ok(Granted { field: HeaderValue::from_static(text), life: life.map(Duration::from_secs) })
    }

    fn refused() -> Result<Granted, Failure> {
        Err(Failure::unsent(ErrorClass::LocalAuth, "no"))
    }

    fn word(need: Need) -> String {
        match need {
            Need::Nothing(token) => format!("use {}", token.field.to_str().unwrap()),
            Need::Early(token) => format!("renew {}", token.field.to_str().unwrap()),
            Need::Token => "fetch".to_owned(),
            Need::Patience(_) => "wait".to_owned(),
        }
    }

    #[test]
    fn a_token_is_used_renewed_early_and_fetched_anew_when_it_has_ended() {
        for (life, cases) in [
            (Some(3600), [(3539, "use a"), (3540, "renew a"), (3599, "renew a"), (3600, "fetch")]),
            (Some(100), [(79, "use a"), (80, "renew a"), (99, "renew a"), (100, "fetch")]),
            (None, [(239, "use a"), (240, "renew a"), (299, "renew a"), (300, "fetch")]),
            (Some(0), [(0, "fetch"), (1, "fetch"), (2, "fetch"), (3, "fetch")]),
            (
                Some(u64::MAX),
                [(86_339, "use a"), (86_340, "renew a"), (86_399, "renew a"), (86_400, "fetch")],
            ),
        ] {
            let mut known = Known::default();
            assert_eq!(word(known.need(at(10))), "fetch");
            known.learn(granted("a", life), at(10), at(12)).unwrap();
            for (second, expected) in cases {
                assert_eq!(word(known.need(at(10 + second))), expected, "{life:?} after {second} s");
            }
        }
    }

    #[test]
    fn a_refusal_is_remembered_for_a_moment_and_spoils_no_token_that_is_still_good() {
        let mut known = Known::default();
        known.learn(refused(), at(0), at(5)).unwrap_err();
        assert_eq!([7, 8].map(|second| word(known.need(at(second)))), ["wait", "fetch"]);
        known.learn(granted("a", Some(100)), at(10), at(10)).unwrap();
        known.learn(refused(), at(95), at(95)).unwrap_err();
        assert_eq!([97, 98, 110].map(|second| word(known.need(at(second)))), ["use a", "renew a", "fetch"]);
    }

    #[test]
    fn only_the_token_that_was_refused_is_forgotten() {
        let mut known = Known::default();
        let old = known.learn(granted("a", None), at(0), at(0)).unwrap();
        let new = known.learn(granted("b", None), at(1), at(1)).unwrap();
        known.forget(&old);
        assert_eq!(word(known.need(at(2))), "use b");
        known.forget(&new);
        assert_eq!(word(known.need(at(2))), "fetch");
    }
}
