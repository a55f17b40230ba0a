-- Wakes whoever found too little in a queue: one message until somebody finds too little again.
local function wake(Q)
  if call('HGET', Q .. 'meta', 'i') then
    call('HDEL', Q .. 'meta', 'i')
    call('PUBLISH', Q .. 'wake', '')
  end
end
