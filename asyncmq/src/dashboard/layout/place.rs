//! How high the cells of each layer stand, so that edges are as level as they can be without one cell standing on another.

use super::{BETWEEN_NODES, Cell, Sheet, to_f64};

/// How often the layers are gone through, from the left and from the right each.
const ROUNDS: usize = 6;

/// Returns the height of the middle of each cell, measured from above; the highest begins at 0.
pub(super) fn heights(sheet: &Sheet) -> Vec<f64> {
    let mut heights = vec![0.0; sheet.cells.len()];
    for layer in &sheet.layers {
        // As if each wished to stand at the top: one below the other.
        settle(sheet, layer, &vec![0.0; layer.len()], &mut heights);
    }
    for _ in 0..ROUNDS {
        sheet.layers.iter().for_each(|layer| near(sheet, layer, &sheet.left, &mut heights));
        sheet.layers.iter().rev().for_each(|layer| near(sheet, layer, &sheet.right, &mut heights));
    }
    let top = |(cell, height): (&Cell, &f64)| height - cell.height() / 2.0;
    let least = sheet.cells.iter().zip(&heights).map(top).fold(f64::INFINITY, f64::min);
    heights.iter_mut().for_each(|height| *height -= least);
    heights
}

/// Moves the cells of a layer towards the middle of what they are connected with.
fn near(sheet: &Sheet, layer: &[usize], links: &[Vec<usize>], heights: &mut [f64]) {
    let wish = |cell: &usize| {
        let near = &links[*cell];
        let sum: f64 = near.iter().map(|cell| heights[*cell]).sum();
        if near.is_empty() { heights[*cell] } else { sum / to_f64(near.len()) }
    };
    let wishes: Vec<f64> = layer.iter().map(wish).collect();
    settle(sheet, layer, &wishes, heights);
}

/// Puts the cells of a layer as near to where they wish to be as their order and the room between them let them: those that would stand on each
/// other move together, to the mean of what they wish.
fn settle(sheet: &Sheet, layer: &[usize], wishes: &[f64], heights: &mut [f64]) {
    // Without the room that cells take, what is left to ask is that none goes before the one above it.
    let (mut taken, mut rooms) = (0.0, Vec::new());
    for (place, cell) in layer.iter().enumerate() {
        let above = place.checked_sub(1).map(|place| sheet.cells[layer[place]]);
        taken += above.map_or(0.0, |above| apart(above, sheet.cells[*cell]));
        rooms.push(taken);
    }
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for (wish, room) in wishes.iter().zip(&rooms) {
        let mut group = (wish - room, 1);
        while let Some((sum, count)) = groups.pop() {
            if mean((sum, count)) <= mean(group) {
                groups.push((sum, count));
                break;
            }
            group = (sum + group.0, count + group.1);
        }
        groups.push(group);
    }
    let settled = groups.iter().flat_map(|group| std::iter::repeat_n(mean(*group), group.1));
    for ((cell, height), room) in layer.iter().zip(settled).zip(&rooms) {
        heights[*cell] = height + room;
    }
}

fn mean((sum, count): (f64, usize)) -> f64 {
    sum / to_f64(count)
}

/// How far the middles of two cells are apart at least.
fn apart(above: Cell, below: Cell) -> f64 {
    let free = match (above, below) {
        (Cell::Passage, Cell::Passage) => 0.0,
        _ => BETWEEN_NODES,
    };
    f64::midpoint(above.height(), below.height()) + free
}
