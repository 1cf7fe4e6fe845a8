//! What is there before anything happens: communities with their tastes, and the catalogue.

use super::Options;
use super::dice::Dice;
use super::event::CATEGORIES;

/// Mean number of customers in a community.
const COMMUNITY_SIZE: usize = 120;
/// Shares of a community's purchases that go to its favourite categories; the rest follows the whole market.
const FAVOURITES: [f64; 3] = [0.45, 0.2, 0.1];
/// Share of a community's purchases that follow its own fashion within the category.
const FASHION: f64 = 0.35;

/// People who know each other, sit together in the numbering of the customers and share tastes: homophily, whether or
/// not anybody persuades anybody.
#[derive(Debug)]
pub struct Communities {
    /// First customer of each community, then the number of customers.
    starts: Vec<u32>,
    of: Vec<u32>,
    favourites: Vec<[u16; 3]>,
    /// Where a community's own order of a category's products begins.
    fashion: Vec<u32>,
}

impl Communities {
    fn draw(options: &Options, dice: &mut Dice) -> Self {
        let customers = options.customers as usize;
        let count = (customers / COMMUNITY_SIZE).max(1);
        let weights: Vec<f64> = (0..count).map(|_| dice.pareto(1.3).min(count as f64)).collect();
        let starts = divide(customers as u64, &weights);
        let mut of = vec![0; customers];
        for community in 0..count {
            of[starts[community] as usize..starts[community + 1] as usize].fill(community as u32);
        }
        let favourites =
            (0..count).map(|_| std::array::from_fn(|_| dice.index(usize::from(options.categories)) as u16)).collect();
        let fashion = (0..count).map(|_| dice.below(1 << 31) as u32).collect();
        Communities { starts: starts.iter().map(|s| *s as u32).collect(), of, favourites, fashion }
    }

    #[must_use]
    pub fn of(&self, customer: u32) -> usize {
        self.of[customer as usize] as usize
    }

    /// The members' numbers, from and to.
    #[must_use]
    pub fn members(&self, community: usize) -> (u32, u32) {
        (self.starts[community], self.starts[community + 1])
    }
}

/// Products in categories. A category's products have consecutive numbers, most popular first.
#[derive(Debug)]
pub struct Catalogue {
    /// First product of each category, then the number of products.
    starts: Vec<u32>,
    category_of: Vec<u16>,
    cents: Vec<u32>,
    /// Share of the whole market's purchases below and including each category.
    popularity: Vec<f64>,
}

impl Catalogue {
    fn draw(options: &Options, dice: &mut Dice) -> Self {
        let categories = usize::from(options.categories);
        let weights: Vec<f64> = (0..categories).map(|c| 1.0 / (c as f64 + 4.0)).collect();
        let starts: Vec<u32> = divide(u64::from(options.products), &weights).iter().map(|s| *s as u32).collect();
        let mut category_of = vec![0; options.products as usize];
        for category in 0..categories {
            category_of[starts[category] as usize..starts[category + 1] as usize].fill(category as u16);
        }
        // Prices spread evenly on a logarithmic scale, from 3.00 to 240.00.
        let cents = (0..options.products).map(|_| (300.0 * libm::pow(80.0, dice.unit())) as u32).collect();
        let total: f64 = weights.iter().sum();
        let mut below = 0.0;
        let popularity = weights
            .iter()
            .map(|w| {
                below += w / total;
                below
            })
            .collect();
        Catalogue { starts, category_of, cents, popularity }
    }

    #[must_use]
    pub fn category(&self, product: u32) -> u16 {
        self.category_of[product as usize]
    }

    /// What one costs.
    #[must_use]
    pub fn cents(&self, product: u32) -> i64 {
        i64::from(self.cents[product as usize])
    }

    fn popular_category(&self, dice: &mut Dice) -> u16 {
        let u = dice.unit();
        self.popularity.partition_point(|below| *below <= u).min(self.popularity.len() - 1) as u16
    }

    /// First product and number of products of a category.
    #[must_use]
    pub fn range(&self, category: u16) -> (u32, u32) {
        let (from, to) = (self.starts[usize::from(category)], self.starts[usize::from(category) + 1]);
        (from, to - from)
    }

    /// The share of its category's purchases that a product draws by its rank alone.
    #[must_use]
    pub fn share(&self, product: u32) -> f64 {
        let (first, count) = self.range(self.category(product));
        let (low, width) = fourth_roots(count);
        let below = |rank: f64| (fourth_root(rank + shift(count)) - low) / width;
        let rank = f64::from(product - first);
        below(rank + 1.0) - below(rank)
    }
}

/// Everything that stays.
#[derive(Debug)]
pub struct World {
    pub communities: Communities,
    pub catalogue: Catalogue,
}

impl World {
    #[must_use]
    pub fn draw(options: &Options, dice: &mut Dice) -> Self {
        World { communities: Communities::draw(options, dice), catalogue: Catalogue::draw(options, dice) }
    }

    /// What this customer feels like buying, by the tastes of their community and the popularity of the products.
    pub fn wish(&self, customer: u32, dice: &mut Dice) -> u32 {
        let community = self.communities.of(customer);
        let mut u = dice.unit();
        let mut category = None;
        for (favourite, share) in self.communities.favourites[community].iter().zip(FAVOURITES) {
            if u < share {
                category = Some(*favourite);
                break;
            }
            u -= share;
        }
        let category = category.unwrap_or_else(|| self.catalogue.popular_category(dice));
        let (first, count) = self.catalogue.range(category);
        let rank = zipf(count, dice.unit());
        let fashion = if dice.chance(FASHION) { self.communities.fashion[community] } else { 0 };
        first + (rank + fashion) % count
    }
}

fn shift(count: u32) -> f64 {
    2.0 + f64::from(count) / 100.0
}

/// `sqrt` is exact by IEEE 754, so this is portable.
fn fourth_root(x: f64) -> f64 {
    x.sqrt().sqrt()
}

/// The fourth root at rank 0, and how far it is from there to the last rank.
fn fourth_roots(count: u32) -> (f64, f64) {
    let low = fourth_root(shift(count));
    (low, fourth_root(f64::from(count) + shift(count)) - low)
}

/// A rank by popularity, P(rank) ∝ (rank + q)^(−3/4): Zipf–Mandelbrot.
fn zipf(count: u32, unit: f64) -> u32 {
    let (low, width) = fourth_roots(count);
    let root = low + unit * width;
    let square = root * root;
    ((square * square - shift(count)).max(0.0) as u32).min(count - 1)
}

/// Boundaries that divide `total` in proportion to the weights: 0, …, `total`. Every part gets at least one if there is enough.
fn divide(total: u64, weights: &[f64]) -> Vec<u64> {
    let parts = weights.len() as u64;
    let spare = total.saturating_sub(parts) as f64;
    let sum: f64 = weights.iter().sum();
    let mut below = 0.0;
    let mut bounds = vec![0];
    for (i, weight) in weights.iter().enumerate() {
        below += weight;
        bounds.push(((below / sum * spare) as u64 + i as u64 + 1).min(total));
    }
    if let Some(last) = bounds.last_mut() {
        *last = total;
    }
    bounds
}

/// How many categories can be named.
pub const MAX_CATEGORIES: u16 = CATEGORIES.len() as u16;
