//! In which order the cells of a layer stand, so that few edges cross.

use super::{Sheet, to_f64};

/// How often the layers are gone through, in turn from the left and from the right.
const SWEEPS: usize = 12;

/// Orders each layer by where the neighbours of its cells stand, again and again, and keeps what crosses least.
pub(super) fn cross_less(sheet: &mut Sheet) {
    let (mut best, mut least) = (sheet.layers.clone(), crossings(sheet));
    for sweep in 0..SWEEPS {
        if least == 0 {
            break;
        }
        let count = sheet.layers.len();
        if sweep % 2 == 0 {
            (1..count).for_each(|layer| by_neighbours(sheet, layer, layer - 1));
        } else {
            (1..count).rev().for_each(|layer| by_neighbours(sheet, layer - 1, layer));
        }
        let crossed = crossings(sheet);
        if crossed < least {
            (best, least) = (sheet.layers.clone(), crossed);
        }
    }
    sheet.layers = best;
}

/// Sorts a layer by the mean place of what each cell is connected with in another one beside it; who has nothing there stays about where it is.
fn by_neighbours(sheet: &mut Sheet, layer: usize, other: usize) {
    let places = places(sheet, other);
    let links = if other < layer { &sheet.left } else { &sheet.right };
    let mut sorted: Vec<(f64, usize)> = sheet.layers[layer]
        .iter()
        .enumerate()
        .map(|(place, cell)| {
            let near = &links[*cell];
            let sum: usize = near.iter().map(|cell| places[*cell]).sum();
            let mean = if near.is_empty() { to_f64(place) } else { to_f64(sum) / to_f64(near.len()) };
            (mean, *cell)
        })
        .collect();
    sorted.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    sheet.layers[layer] = sorted.into_iter().map(|(_, cell)| cell).collect();
}

/// Returns for each cell of a layer its place in it.
fn places(sheet: &Sheet, layer: usize) -> Vec<usize> {
    let mut places = vec![0; sheet.cells.len()];
    sheet.layers[layer].iter().enumerate().for_each(|(place, cell)| places[*cell] = place);
    places
}

/// Counts how often edges cross between neighbouring layers.
pub(super) fn crossings(sheet: &Sheet) -> usize {
    let between = |layer: usize| {
        let places = places(sheet, layer + 1);
        let mut ends: Vec<usize> = Vec::new();
        for cell in &sheet.layers[layer] {
            let first = ends.len();
            ends.extend(sheet.right[*cell].iter().map(|cell| places[*cell]));
            ends[first..].sort_unstable();
        }
        inversions(&ends, sheet.layers[layer + 1].len())
    };
    (1..sheet.layers.len()).map(|layer| between(layer - 1)).sum()
}

/// Counts the pairs of which the first is greater, by a tree of counts.
fn inversions(numbers: &[usize], most: usize) -> usize {
    let (mut tree, mut pairs) = (vec![0_usize; most + 1], 0);
    for (seen, number) in numbers.iter().enumerate() {
        let (mut place, mut not_greater) = (number + 1, 0);
        while place != 0 {
            not_greater += tree[place];
            place &= place - 1;
        }
        pairs += seen - not_greater;
        place = number + 1;
        while place <= most {
            tree[place] += 1;
            place += place & place.wrapping_neg();
        }
    }
    pairs
}
