//! Drawings of small graphs that can be told by heart, and what holds for all of them.

use super::order::crossings;
use super::*;

/// Draws, and sees to what holds for every drawing.
fn drawn(count: usize, edges: &[(usize, usize)]) -> Layout {
    let layout = lay_out(count, edges);
    assert_eq!(layout.nodes.len(), count);
    for (place, (x, y)) in layout.nodes.iter().enumerate() {
        assert!(
            0.0 <= *y && y + NODE.1 <= layout.height + 0.01 && x + NODE.0 <= layout.width + 0.01,
            "{place} is out"
        );
        let overlaps = |(other_x, other_y): &&(f64, f64)| {
            other_x == x && (other_y - y).abs() < NODE.1 + BETWEEN_NODES - 0.01
        };
        assert_eq!(layout.nodes.iter().filter(overlaps).count(), 1, "{place} stands on another one");
    }
    for Route { ends: (from, to), .. } in &layout.edges {
        assert!(layout.nodes[*from].0 + NODE.0 < layout.nodes[*to].0, "{from} → {to} leads back");
    }
    layout
}

fn columns(layout: &Layout) -> Vec<usize> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number that is whole"
    )]
    let column = |(x, _): &(f64, f64)| (x / (NODE.0 + BETWEEN_LAYERS)).round() as usize;
    layout.nodes.iter().map(column).collect()
}

fn ends(layout: &Layout) -> Vec<(usize, usize)> {
    layout.edges.iter().map(|route| route.ends).collect()
}

#[test]
fn nothing_and_one_can_be_drawn() {
    assert_eq!(drawn(0, &[]).height, NODE.1);
    let one = drawn(1, &[]);
    assert_eq!((one.width, one.height, one.nodes), (NODE.0, NODE.1, vec![(0.0, 0.0)]));
}

#[test]
fn whoever_waits_stands_right_of_the_one_that_takes_longest() {
    // 0 → 1 → 2 → 4, 3 → 4
    let layout = drawn(5, &[(0, 1), (1, 2), (2, 4), (3, 4)]);
    assert_eq!(columns(&layout), [0, 1, 2, 0, 3]);
}

#[test]
fn a_line_is_level() {
    let layout = drawn(20, &(1..20).map(|node| (node - 1, node)).collect::<Vec<_>>());
    assert!(layout.nodes.iter().all(|(_, y)| y.abs() < 0.01), "{:?}", layout.nodes);
    assert_eq!(layout.edges[0].path, "M190.0 23.0C217.0 23.0 217.0 23.0 244.0 23.0");
}

#[test]
fn who_gathers_stands_in_the_middle_of_what_it_gathers() {
    let layout = drawn(5, &[(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)]);
    let y: Vec<f64> = layout.nodes.iter().map(|(_, y)| *y).collect();
    assert!((y[0] - y[2]).abs() < 0.01 && (y[4] - y[2]).abs() < 0.01, "{y:?}");
    assert!(y[1] < y[2] && y[2] < y[3], "in the order in which they were added: {y:?}");
}

#[test]
fn edges_that_others_imply_are_not_drawn() {
    // Each waits for all before it, as the last jobs of flows do.
    let all: Vec<_> = (0..6).flat_map(|to| (0..to).map(move |from| (from, to))).collect();
    assert_eq!(ends(&drawn(6, &all)), [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]);
    assert_eq!(ends(&drawn(2, &[(0, 1), (0, 1)])), [(0, 1)], "one that is there twice is drawn once");
    assert_eq!(ends(&drawn(100, &[(0, 70), (70, 99), (0, 99), (99, 200)])), [(0, 70), (70, 99)]);
}

#[test]
fn a_long_edge_goes_round_what_stands_in_its_way() {
    // 0 → 1 → 2 → 3 and 0 → 4 → 3: four edges to 3's left, one of them passing a layer.
    let layout = drawn(5, &[(0, 1), (1, 2), (2, 3), (0, 4), (4, 3)]);
    let route = layout.edges.iter().find(|route| route.ends == (4, 3)).unwrap();
    assert_eq!(route.path.matches('C').count(), 2, "it has a place where it passes: {}", route.path);
    let level: f64 = route.path.split(['L', 'C']).nth(2).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let (_, top) = layout.nodes[2];
    assert!(level < top || top + NODE.1 < level, "through the node at {top}: {level}");
}

#[test]
fn edges_are_untangled_where_they_can_be() {
    // Four pairs, added crosswise.
    let layout = drawn(8, &[(0, 7), (1, 6), (2, 5), (3, 4)]);
    let level = |(from, to): &(usize, usize)| (layout.nodes[*from].1 - layout.nodes[*to].1).abs() < 0.01;
    assert!(ends(&layout).iter().all(level), "{:?}", layout.nodes);
}

#[test]
fn crossings_are_counted() {
    let edges = [(0, 4), (0, 5), (1, 3), (1, 5), (2, 3), (2, 4)];
    let (sheet, _) = Sheet::of(&[0, 0, 0, 1, 1, 1], &edges);
    let mut crossed = 0;
    for (place, (a, b)) in edges.iter().enumerate() {
        crossed += edges[place + 1..].iter().filter(|(c, d)| (a < c && d < b) || (c < a && b < d)).count();
    }
    assert_eq!((crossings(&sheet), crossed), (7, 7));
}

#[test]
fn circles_and_much_that_waits_for_much_end_too() {
    let layout = lay_out(3, &[(0, 1), (1, 2), (2, 1)]);
    assert_eq!(layout.nodes.len(), 3);
    // Two crowds, and everybody of the one waits for everybody of the other.
    let crowds: Vec<_> = (0..150).flat_map(|from| (150..300).map(move |to| (from, to))).collect();
    assert_eq!(drawn(300, &crowds).edges.len(), 22_500);
    // A long line, and many that its end waits for: more passages than are made.
    let line = (1..200).map(|node| (node - 1, node)).chain((200..300).map(|node| (node, 199)));
    let layout = drawn(300, &line.collect::<Vec<_>>());
    assert!(layout.edges.iter().all(|route| route.path.matches('C').count() == 1));
}
