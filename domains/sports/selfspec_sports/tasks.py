"""The readers of the five tasks that ``tasks.yaml`` describes, by task name.

>>> from selfspec_sports.tasks import READERS
>>> READERS["nba_records"](Path("data"), "dev")[0].input             # doctest: +SKIP
'TEAM_NAME: Toronto Raptors | TEAM_NAME: Philadelphia 76ers | TEAM-PTS: 122 | TEAM-PTS: 95'

A reader returns its whole split as a list, so an error shows before the first example is used.
"""

from __future__ import annotations

from selfspec.datafiles import checked
from selfspec.types import Reader
from selfspec_sports.readers import nba_records, news_topic, sportqa, sports_understanding, wc2022_tweets

READERS: dict[str, Reader] = {
    "sports_understanding": checked("sports_understanding", sports_understanding.read),
    "sportqa": checked("sportqa", sportqa.read),
    "wc2022_tweets": checked("wc2022_tweets", wc2022_tweets.read),
    "nba_records": checked("nba_records", nba_records.read),
    "news_topic": checked("news_topic", news_topic.read),
}
