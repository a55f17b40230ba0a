-- Wakes whoever serves a queue: one message until somebody claims again.
local function wake(Q)
  if call('HGET', Q .. 'meta', 'i') then
    call('HDEL', Q .. 'meta', 'i')
    call('PUBLISH', Q .. 'wake', '')
  end
end
