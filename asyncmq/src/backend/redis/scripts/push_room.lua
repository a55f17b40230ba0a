-- Makes room in lists in which jobs have come in, a bounded number of jobs.
local function make_room_in(Q, lines)
  local budget, tasks, limits = 1000, {}, {}
  for line in pairs(lines) do
    local lane = sub(line, 2, 10)
    if not tasks[lane] then
      tasks[lane] = task_of(call('HGET', Q .. 'meta', lane))
      local kept = call('HGET', Q .. 'held', tasks[lane])
      limits[lane] = kept and read_limit(kept) or {}
    end
    local limit = limits[lane]
    if limit.discards or limit.stops then
      local name = is_keyed(line) and tasks[lane] .. '\31' .. sub(line, 11) or tasks[lane]
      local g = read_group(call('HGET', Q .. 'groups', name))
      budget = budget - make_room(Q, line, name, limit, g.running, math.min(budget, 250))
    end
  end
end
return make_room_in
end
