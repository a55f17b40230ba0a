return finish(table.concat(kept))
