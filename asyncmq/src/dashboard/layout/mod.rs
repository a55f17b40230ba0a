//! Where the nodes of a graph stand when it is drawn from left to right, and which way its edges go between them: in layers, so that whoever waits
//! stands right of those that it waits for. Numbers in, numbers out; nothing here knows what the nodes are.
//!
//! The usual four steps: layers by the longest path, an order within each layer in which few edges cross, heights that keep edges straight, and routes.
//! An edge that passes a layer has a place of its own there, so that it runs between the nodes and not through them.

mod layers;
mod order;
mod place;

use std::fmt::Write;

use layers::{layers, needed};

/// How wide and high a node is.
pub(super) const NODE: (f64, f64) = (190.0, 46.0);
/// What is free between two layers.
const BETWEEN_LAYERS: f64 = 54.0;
/// What is free between two that stand one above the other.
const BETWEEN_NODES: f64 = 16.0;
/// How much an edge has for itself where it passes a layer.
const PASSAGE: f64 = 8.0;
/// More places for edges that pass layers than this are not looked for: long edges then run straight.
const MOST_PASSAGES: usize = 4_000;

/// A drawing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The left upper corner of each node.
    pub(super) nodes: Vec<(f64, f64)>,
    pub(super) edges: Vec<Route>,
}

/// An edge on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// Its two ends: who is waited for, and who waits.
    pub(super) ends: (usize, usize),
    /// Its way, as the path of an SVG.
    pub(super) path: String,
}

/// What stands in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Node(usize),
    /// The place of an edge that passes the layer.
    Passage,
}

/// Layers of cells, and what connects each with the next one.
#[derive(Debug, Default)]
struct Sheet {
    /// The cells of each layer, from above.
    layers: Vec<Vec<usize>>,
    cells: Vec<Cell>,
    /// For each cell those that it is connected with on its left, and on its right.
    left: Vec<Vec<usize>>,
    right: Vec<Vec<usize>>,
}

/// Draws `count` nodes and the edges between them, each from who is waited for to who waits. An edge that others imply is left out: who waits
/// for somebody that waits for a third one waits for that one too.
pub(super) fn lay_out(count: usize, edges: &[(usize, usize)]) -> Layout {
    let layer_of = layers(count, edges);
    let edges = needed(&layer_of, edges);
    let (mut sheet, chains) = Sheet::of(&layer_of, &edges);
    order::cross_less(&mut sheet);
    let heights = place::heights(&sheet);
    let x = |layer: usize| to_f64(layer) * (NODE.0 + BETWEEN_LAYERS);
    let nodes = (0..count).zip(&layer_of).map(|(node, layer)| (x(*layer), heights[node] - NODE.1 / 2.0));
    let routes = edges.iter().zip(&chains).map(|(ends, chain)| {
        let places = chain.iter().map(|(layer, cell)| (x(*layer), heights[*cell]));
        Route { ends: *ends, path: path(&places.collect::<Vec<_>>()) }
    });
    let bottom = sheet.cells.iter().zip(&heights).map(|(cell, height)| height + cell.height() / 2.0);
    Layout {
        width: x(sheet.layers.len().max(1) - 1) + NODE.0,
        height: bottom.fold(NODE.1, f64::max),
        nodes: nodes.collect(),
        edges: routes.collect(),
    }
}

impl Cell {
    const fn height(self) -> f64 {
        match self {
            Self::Node(_) => NODE.1,
            Self::Passage => PASSAGE,
        }
    }
}

/// The cells of an edge from its one end to the other, each with its layer.
type Chain = Vec<(usize, usize)>;

impl Sheet {
    /// Puts every node into its layer, and gives long edges their passages. The first cells are the nodes.
    fn of(layer_of: &[usize], edges: &[(usize, usize)]) -> (Self, Vec<Chain>) {
        let count = layer_of.iter().max().map_or(0, |most| most + 1);
        let mut sheet = Self { layers: vec![Vec::new(); count], ..Self::default() };
        for (node, layer) in layer_of.iter().enumerate() {
            sheet.add(Cell::Node(node), *layer);
        }
        let passed = |(from, to): &(usize, usize)| layer_of[*to] - layer_of[*from] - 1;
        let has_room = edges.iter().map(passed).sum::<usize>() <= MOST_PASSAGES;
        let chains = edges.iter().map(|(from, to)| {
            let (first, last) = (layer_of[*from], layer_of[*to]);
            let mut chain = vec![(first, *from)];
            if has_room {
                chain.extend((first + 1..last).map(|layer| (layer, sheet.add(Cell::Passage, layer))));
            }
            chain.push((last, *to));
            for pair in chain.windows(2).filter(|pair| pair[0].0 + 1 == pair[1].0) {
                sheet.right[pair[0].1].push(pair[1].1);
                sheet.left[pair[1].1].push(pair[0].1);
            }
            chain
        });
        let chains = chains.collect();
        (sheet, chains)
    }

    fn add(&mut self, cell: Cell, layer: usize) -> usize {
        let place = self.cells.len();
        self.cells.push(cell);
        self.left.push(Vec::new());
        self.right.push(Vec::new());
        self.layers[layer].push(place);
        place
    }
}

/// Writes the way of an edge: from the right side of the first place to the left side of the last one, level where it passes a layer.
fn path(places: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (number, pair) in places.windows(2).enumerate() {
        let ((left, start), (end, height)) = (pair[0], pair[1]);
        let begin = left + NODE.0;
        let verb = if number == 0 { 'M' } else { 'L' };
        let middle = f64::midpoint(begin, end);
        let _ = write!(
            path,
            "{verb}{begin:.1} {start:.1}C{middle:.1} {start:.1} {middle:.1} {height:.1} {end:.1} {height:.1}"
        );
    }
    path
}

#[expect(clippy::cast_precision_loss, reason = "a drawing has few of anything")]
const fn to_f64(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
