-- What all processes on the file share.
SELECT now, numbers, events, listeners FROM store WHERE one = 1
