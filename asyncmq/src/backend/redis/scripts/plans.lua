-- Schedules: their records by id, and those that have a next time by it. A record begins with its revision (8 bytes) and
-- its next time (8 bytes, 0 for none); what follows is opaque.
local function keep_plan(Q, id, entry, next)
  call('HSET', Q .. 'plans', id, entry)
  if next == '' then call('ZREM', Q .. 'slots', id) else call('ZADD', Q .. 'slots', next, id) end
end
local function has_revision(entry, revision)
  return (entry and sub(entry, 1, 8) or '') == revision
end
