-- Keeps what an attempt said. A report: length of the progress and the progress (0 for none), then lines (length, line);
-- of the lines the last 200 are kept.
local function tell(Q, id, rec, attempt, worker, now, report)
  if call('HEXISTS', Q .. 'side', id) == 0 then write_side(Q, id, rec, plain_side(rec)) end
  local size = unpick('>I4', report)
  local lines = sub(report, 5 + size)
  if #lines > 0 then
    local all, places, at = (call('HGET', Q .. 'more', 'l' .. id) or '') .. lines, {}, 1
    while at <= #all do
      places[#places + 1] = at
      at = at + 4 + unpick('>I4', all, at)
    end
    if #places > 200 then all = sub(all, places[#places - 199]) end
    call('HSET', Q .. 'more', 'l' .. id, all)
  end
  if size > 0 then
    local progress = sub(report, 5, 4 + size)
    call('HSET', Q .. 'more', 'p' .. id, progress)
    emit(Q, 8, id, rec, attempt, worker, now, 'p', progress)
  end
end
