//! Looks at the permits of a Redis store at one moment.

use redis::Connection;

/// Lists the groups (a task, or a key of one) whose permits are not the jobs in hands, or more than their limit has.
const BROKEN: &str = r"
local broken = {}
for _, base in ipairs(redis.call('SMEMBERS', KEYS[1] .. ':queues')) do
  local running = {}
  local active = redis.call('HVALS', base .. 'active')
  for _, act in ipairs(active) do
    local at = string.byte(act, 32) == 104 and 33 or 32
    if string.byte(act, at) == 103 then
      local name = string.sub(act, at + 3, at + 2 + struct.unpack('>I2', act, at + 1))
      running[name] = (running[name] or 0) + 1
    end
  end
  local held, most = redis.call('HGETALL', base .. 'held'), {}
  for i = 1, #held, 2 do
    local bytes, from = held[i + 1], 2
    if string.byte(bytes, 1) == 1 then
      if string.byte(bytes, 19) == 1 then from = 20 end
    elseif string.byte(bytes, 2) == 1 then
      from = 3
    end
    most[held[i]] = select(4, struct.unpack('>BI4I8I4', bytes, from)) - 1
  end
  local groups = redis.call('HGETALL', base .. 'groups')
  for i = 1, #groups, 2 do
    local name, counted = groups[i], struct.unpack('>I4', groups[i + 1])
    local most_of = most[string.match(name, '^[^\31]*')] or -1
    if counted ~= (running[name] or 0) then broken[#broken + 1] = name .. ': ' .. counted .. ' permits' end
    if most_of >= 0 and counted > most_of then broken[#broken + 1] = name .. ': ' .. counted .. ' at once' end
    running[name] = nil
  end
  for name in pairs(running) do broken[#broken + 1] = name .. ': no permits' end
end
return broken";

/// Says what is wrong, if anything is.
///
/// # Errors
///
/// Those of the connection.
pub fn broken_permits(connection: &mut Connection, prefix: &str) -> redis::RedisResult<Option<String>> {
    let broken: Vec<String> = redis::Script::new(BROKEN).key(prefix).invoke(connection)?;
    Ok((!broken.is_empty()).then(|| broken.join(", ").replace('\u{1f}', " ")))
}
