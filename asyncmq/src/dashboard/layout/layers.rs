//! In which layer a node stands, and which edges have to be drawn.

/// Returns the layer of each node: 0 for who waits for nobody, else one more than that of whoever it waits for longest. Edges to nodes that there are
/// not count for nothing, and so do circles, which no flow has.
pub(super) fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let edges = || edges.iter().filter(|(from, to)| *from < count && *to < count);
    let (mut children, mut open) = (vec![Vec::new(); count], vec![0_usize; count]);
    for (from, to) in edges() {
        children[*from].push(*to);
        open[*to] += 1;
    }
    let mut layers = vec![0; count];
    let mut free: Vec<usize> = (0..count).filter(|node| open[*node] == 0).collect();
    while let Some(node) = free.pop() {
        for child in &children[node] {
            layers[*child] = layers[*child].max(layers[node] + 1);
            open[*child] -= 1;
            if open[*child] == 0 {
                free.push(*child);
            }
        }
    }
    layers
}

/// Returns the edges that lead from one layer to a later one and that no others imply, each once, in their order.
pub(super) fn needed(layers: &[usize], edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let (count, words) = (layers.len(), layers.len().div_ceil(64));
    let mut parents = vec![Vec::new(); count];
    for (from, to) in edges {
        let leads_on = layers.get(*from).zip(layers.get(*to)).is_some_and(|(from, to)| from < to);
        if leads_on && !parents[*to].contains(from) {
            parents[*to].push(*from);
        }
    }
    let mut by_layer: Vec<usize> = (0..count).collect();
    by_layer.sort_by_key(|node| layers[*node]);
    // For each node whom it waits for, however indirectly: a bit each.
    let mut before = vec![vec![0_u64; words]; count];
    let mut needed = Vec::new();
    for node in by_layer {
        let mut own = vec![0_u64; words];
        for parent in &parents[node] {
            own.iter_mut().zip(&before[*parent]).for_each(|(own, theirs)| *own |= theirs);
        }
        needed
            .extend(parents[node].iter().filter(|parent| !has(&own, **parent)).map(|parent| (*parent, node)));
        parents[node].iter().for_each(|parent| own[parent / 64] |= 1 << (parent % 64));
        before[node] = own;
    }
    needed.sort_by_key(|(from, to)| (*to, *from));
    needed
}

fn has(bits: &[u64], place: usize) -> bool {
    bits[place / 64] >> (place % 64) & 1 == 1
}
