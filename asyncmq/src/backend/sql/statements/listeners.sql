-- Lists the processes that listen.
SELECT listener FROM listeners
