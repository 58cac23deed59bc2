//! Which settings of a schedule are in range.

use crate::range::{Checked, above, below, between, refuse_if, whole, within};
use crate::schedule::{MomentumCycle, Peaks, Schedule};

impl Schedule {
    /// Refuses values out of range; `path` is the schedule's own.
    pub(crate) fn check(&self, path: &str) -> Checked {
        let at = |key: &str| format!("{path}.{key}");
        let share = |key: &str, value: f64| within(&at(key), value, 0.0, 1.0);
        let positive_share = |key: &str, value: f64| above(&at(key), value, 0.0, 1.0);
        match *self {
            Self::OneCycleLinear { peak, start, end } | Self::OneCycleCosine { peak, start, end } => {
                between(&at("peak"), peak, 0.0, 1.0)?;
                share("start", start)?;
                share("end", end)
            }
            Self::Exponential { end } => positive_share("end", end),
            Self::Cosine { half_wave, floor } => {
                positive_share("half_wave", half_wave)?;
                share("floor", floor)
            }
            Self::CosineRestarts { first, growth, floor } => {
                positive_share("first", first)?;
                whole(&at("growth"), growth, 1, 10)?;
                share("floor", floor)
            }
            Self::Cyclic { rise, floor, peaks, momentum } => {
                positive_share("rise", rise)?;
                share("floor", floor)?;
                peaks.check(&at("peaks"))?;
                momentum.map_or(Ok(()), |cycle| cycle.check(&at("momentum")))
            }
            Self::Triangle { peak, start, end } => {
                below(&at("peak"), peak, 0.0, 1.0)?;
                share("start", start)?;
                share("end", end)
            }
            Self::Linear { over } => positive_share("over", over),
            Self::Constant {} => Ok(()),
            Self::Piecewise { ref points } => check_points(points, &at("points")),
        }
    }
}

impl Peaks {
    fn check(self, path: &str) -> Checked {
        match self {
            Self::Shrinking { end } => above(&format!("{path}.end"), end, 0.0, 1.0),
            Self::Equal {} | Self::Halving {} => Ok(()),
        }
    }
}

impl MomentumCycle {
    fn check(self, path: &str) -> Checked {
        let high = format!("{path}.high");
        below(&format!("{path}.low"), self.low, 0.0, 1.0)?;
        below(&high, self.high, 0.0, 1.0)?;
        refuse_if(self.low > self.high, &[&high], &format!("is {}, less than `low`", self.high))
    }
}

fn check_points(points: &[[f64; 2]], path: &str) -> Checked {
    refuse_if(!(2..=20).contains(&points.len()), &[path], "has to list 2 to 20 points")?;
    let shares = points.iter().flatten().all(|value| (0.0..=1.0).contains(value));
    refuse_if(!shares, &[path], "both numbers of a point are shares, 0 to 1")?;
    let ends = points.first().is_some_and(|[at, _]| *at <= 0.0) && points.last().is_some_and(|[at, _]| *at >= 1.0);
    refuse_if(!ends, &[path], "the first point has to be at 0 and the last at 1")?;
    let ordered = points.windows(2).all(|pair| pair[0][0] < pair[1][0]);
    refuse_if(!ordered, &[path], "each point has to be later than the one before")
}
