-- Wakes whoever serves a queue: one message until somebody claims again.
local function wake(Q)
  if set_mark(Q, WAKE, false) then call('PUBLISH', Q .. 'wake', '') end
end
-- Lists a queue that is used for the first time. Listeners in a cluster cannot know of it yet: it speaks at first unasked.
local function begin(Q)
  if call('SADD', S .. 'queues', Q) == 1 and S == Q then call('SET', S .. 'ears', '1', 'PX', 5000) end
end
