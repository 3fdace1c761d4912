//! Messages of the past, and one more delivery for them.

use super::state::{Entry, Kept, State};
use contract::delivery::Standing;
use contract::history::{Append, Appended, Content, Past, Span, Stretch, Unless};
use contract::limits;
use contract::store::Position;
use std::ops::Bound;
use std::sync::Arc;

impl State {
    pub(super) fn append(&mut self, item: &Append) -> Appended {
        if self.crowded {
            return Appended::Full;
        }
        let position = item.position.0;
        let own = |kept: &&mut Kept| kept.message.id == item.message && kept.message.tenant == item.tenant;
        let Some(kept) = self.messages.get_mut(&position).filter(own) else { return Appended::Gone };
        let to_target = (0..).zip(&kept.entries).filter(|(_, one)| one.start.target == item.start.target);
        let mut present = false;
        for (ordinal, one) in to_target {
            if one.start.part.duty == item.start.part.duty {
                return Appended::Repeated(kept.message.first.at(ordinal));
            }
            present |= one.start.part.duty.brings_message() && one.standing != Standing::Skipped;
        }
        if present && item.unless == Unless::Present {
            return Appended::Present;
        }
        let ordinal = match u16::try_from(kept.entries.len()) {
            Ok(ordinal) if usize::from(ordinal) < limits::FAN_OUT_MAX => ordinal,
            Ok(_) | Err(_) => return Appended::Crowded,
        };
        let id = kept.message.first.at(ordinal);
        kept.entries.push(Entry::new(item.start.clone(), item.start.standing, kept.message.received));
        self.index((position, ordinal));
        Appended::Added(id)
    }

    pub(super) fn history(&self, span: &Span, after: Option<Position>, limit: usize) -> Stretch {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.0));
        let mut stretch = Stretch { reached: after, ..Stretch::default() };
        for (position, kept) in self.messages.range((from, Bound::Unbounded)) {
            if stretch.messages.len() == limit.max(1) {
                return stretch;
            }
            let (position, message) = (Position(*position), &kept.message);
            stretch.reached = Some(position);
            let own = message.tenant == span.tenant && message.route == span.route;
            if own && span.covers(message.received) {
                let content = Some(self.content(kept));
                let (id, received) = (message.id, message.received);
                stretch.messages.push(Past { position, id, received, content });
            }
        }
        stretch.is_last = true;
        stretch
    }
    fn content(&self, kept: &Kept) -> Content {
        let mut own = kept.entries.iter().filter(|entry| entry.start.part.is_main());
        let key = own.find_map(|entry| entry.start.key.clone());
        Content { message: Arc::clone(&kept.message), ticket: self.ticket_of(kept, |_| Vec::new()), key }
    }
}
