//! The different filters of one channel's subscribers. Each is evaluated once per publication,
//! however many subscribers share it.

use std::collections::BTreeMap;
use std::sync::Arc;
use tandem_hub::filter::Filter;

/// Filters by number, from 1; 0 is no filter.
#[derive(Debug, Default)]
pub(super) struct FilterSet {
    filters: Vec<Option<(Arc<Filter>, u32)>>,
}

/// Which filters a publication passes.
pub(super) struct Passes(Vec<bool>);

impl Passes {
    pub(super) fn get(&self, filter: u32) -> bool {
        filter == 0 || self.0.get(filter as usize - 1).copied().unwrap_or(true)
    }
}

impl FilterSet {
    /// The number of a filter; equal filters share one.
    pub(super) fn add(&mut self, filter: Filter) -> u32 {
        let number = |at: usize| u32::try_from(at + 1).unwrap_or(0);
        let same = |entry: &Option<(Arc<Filter>, u32)>| entry.as_ref().is_some_and(|(known, _)| **known == filter);
        if let Some(at) = self.filters.iter().position(same) {
            if let Some(Some((_, users))) = self.filters.get_mut(at) {
                *users += 1;
            }
            return number(at);
        }
        let at = self.filters.iter().position(Option::is_none).unwrap_or_else(|| {
            self.filters.push(None);
            self.filters.len() - 1
        });
        if let Some(place) = self.filters.get_mut(at) {
            *place = Some((Arc::new(filter), 1));
        }
        number(at)
    }

    pub(super) fn release(&mut self, number: u32) {
        let Some(at) = (number as usize).checked_sub(1) else { return };
        let Some(place) = self.filters.get_mut(at) else { return };
        if let Some((_, users)) = place {
            *users -= 1;
            if *users == 0 {
                *place = None;
            }
        }
    }

    pub(super) fn evaluate(&self, tags: Option<&BTreeMap<String, String>>) -> Passes {
        let pass = |entry: &Option<(Arc<Filter>, u32)>| entry.as_ref().is_none_or(|(filter, _)| filter.passes(tags));
        Passes(self.filters.iter().map(pass).collect())
    }
}
