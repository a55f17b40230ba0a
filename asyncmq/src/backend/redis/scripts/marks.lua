-- A queue's key `n` counts the batches in which jobs came to wait there. Above the count stand marks, of which a push learns
-- in the same breath: that somebody wants to be woken, and that limits may have to make room for what comes in.
local COUNTED, WAKE, ROOM = 281474976710656, 1, 2
-- Tells whether a mark stands above a count.
local function has_mark(n, which)
  return math.floor(n / (COUNTED * which)) % 2 == 1
end
-- Sets or takes away a mark. Tells whether that changed anything.
local function set_mark(Q, which, is_set)
  if has_mark(tonumber(call('GET', Q .. 'n') or 0), which) == is_set then return false end
  call('INCRBY', Q .. 'n', string.format('%.0f', is_set and COUNTED * which or -COUNTED * which))
  return true
end
