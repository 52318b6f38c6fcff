"""The worked files of docs/layouts, each on a handful of rows in the layout of its set."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from ralm.config import load_config
from ralm.ingest.tables import IngestResult, ingest

pytestmark = pytest.mark.spark
LAYOUTS = Path(__file__).resolve().parents[2] / "docs" / "layouts"

# File -> its content, in the layout of the set; all rows are made up.
CONTENT: dict[str, dict[str, str]] = {
    "movielens-csv": {
        "ratings.csv": "userId,movieId,rating,timestamp\n1,10,4.5,964982703\n1,20,3,964981247\n2,10,0.5,96498222\n",
        "movies.csv": 'movieId,title,genres\n10,"Film, The (1995)",Adventure|Children\n20,B,(no genres listed)\n',
    },
    "movielens-dat": {
        "ratings.dat": "1::10::5::978300760\n1::20::3::978302109\n2::10::4::978301968\n",
        "users.dat": "1::F::1::10::48067\n2::M::56::16::70072\n",
        "movies.dat": "10::Les Misérables (1995)::Drama|Musical\n20::B (1996)::Comedy\n",
    },
    "mind": {
        "behaviors.tsv": "1\tU1\t11/11/2019 9:05:58 AM\tN1 N2\tN3-1 N4-0\n2\tU1\t11/12/2019 6:11:30 PM\tN1 N2\tN4-1\n"
        "3\tU2\t11/14/2019 7:01:48 AM\t\tN3-0 N4-0\n",
        "news.tsv": 'N3\tsports\ttennis\tHe said "no\t\thttp\t[]\t[]\nN4\tnews\tnewsus\tTitle\tText\thttp\t[]\t[]\n',
    },
    "retailrocket": {
        "events.csv": "timestamp,visitorid,event,itemid,transactionid\n1433221332117,257597,view,355908,\n"
        "1433224214164,992329,addtocart,248676,\n1433221999827,111016,transaction,318965,4000\n",
        "item_properties_part1.csv": "timestamp,itemid,property,value\n1435460400000,355908,categoryid,1338\n"
        "1432460400000,355908,categoryid,9\n",
        "item_properties_part2.csv": "timestamp,itemid,property,value\n1435460400000,248676,available,1\n",
    },
    "otto": {
        "otto-recsys-train.jsonl": '{"session":0,"events":[{"aid":15,"ts":1659304800025,"type":"clicks"},'
        '{"aid":16,"ts":1659304904511,"type":"carts"}]}\n{"session":1,"events":[{"aid":15,"ts":1659304800026,'
        '"type":"orders"}]}\n',
    },
    "amazon-reviews": {
        "Electronics.json.gz": '{"overall": 5.0, "verified": true, "reviewTime": "09 18, 1999", "reviewerID": "A1", '
        '"asin": "0151004714", "style": {"Format:": " Hardcover"}, "reviewText": "This is\\na \\"text\\"", '
        '"unixReviewTime": 937612800}\n{"overall": 1.0, "reviewerID": "A2", "asin": "0151004714", "unixReviewTime": '
        "1366675200}\n",
        "meta_Electronics.json.gz": '{"category": ["Electronics", "Books"], "asin": "0151004714", "price": "$7.43"}\n'
        '{"category": ["Electronics", "Books"], "asin": "0151004714", "price": "$7.43"}\n',
    },
    "hm": {
        "transactions_train.csv": "t_dat,customer_id,article_id,price,sales_channel_id\n"
        "2018-09-20,000058a1,0663713001,0.05083,2\n2018-09-21,00007d2d,0541518023,0.03049,2\n",
        "articles.csv": "article_id,product_code,product_type_name,product_group_name,department_name,detail_desc\n"
        '0663713001,0663713,Underwear body,Underwear,Lingerie,"Body, in ""lace"""\n'
        "0541518023,0541518,Bra,Underwear,Lingerie,\n",
        "customers.csv": "customer_id,FN,Active,club_member_status,fashion_news_frequency,age,postal_code\n"
        "000058a1,,,ACTIVE,NONE,49.0,52043\n00007d2d,1.0,1.0,ACTIVE,Regularly,25.0,2973a\n",
    },
    "criteo-attribution": {
        "criteo_attribution_dataset.tsv.gz": "timestamp\tuid\tcampaign\tconversion\tclick\tcost\tcat1\n"
        "0\t20073966\t22589171\t0\t0\t1e-05\t5824233\n2\t24607497\t884761\t0\t1\t1e-05\t5824233\n",
    },
    "tencent-lookalike-2018": {
        "userFeature.data": "uid 26325489|age 4|gender 2|education 7|interest1 93 70 77|topic1 9826 105\n"
        "uid 1184123|age 2|interest1 75|topic1 1\nuid 5|gender 1|education 1\n",
        "adFeature.csv": "aid,advertiserId,campaignId,creativeId,creativeSize,adCategoryId,productId,productType\n"
        "177,8203,76104,1500666,59,282,0,6\n",
        "train.csv": "aid,uid,label\n177,26325489,1\n177,1184123,-1\n",
    },
}
# Layout -> its (user, domain, thing), its (user, item, clicked), and the categories of its items.
Expected = tuple[set[tuple[str, str, str]], set[tuple[str, str, bool]], dict[str, list[str]]]
EXPECTED: dict[str, Expected] = {
    "movielens-csv": (
        {("1", "film", "10"), ("1", "film", "20"), ("2", "film", "10")},
        {("1", "10", True), ("1", "20", False), ("2", "10", False)},
        {"10": ["Adventure", "Children"], "20": ["(no genres listed)"]},
    ),
    "movielens-dat": (
        {("1", "film", "10"), ("1", "film", "20"), ("2", "film", "10")},
        {("1", "10", True), ("1", "20", False), ("2", "10", True)},
        {"10": ["Drama", "Musical"], "20": ["Comedy"]},
    ),
    "mind": (
        {("U1", "news", "N1"), ("U1", "news", "N2"), ("U1", "news", "N3"), ("U1", "news", "N4")},
        {("U1", "N3", True), ("U1", "N4", False), ("U1", "N4", True), ("U2", "N3", False), ("U2", "N4", False)},
        {"N1": [], "N2": [], "N3": ["sports", "tennis"], "N4": ["news", "newsus"]},
    ),
    "retailrocket": (
        {("257597", "view", "355908"), ("992329", "cart", "248676")},
        {("257597", "355908", True)},
        {"355908": ["1338"], "248676": []},
    ),
    "otto": (
        {("0", "clicks", "15"), ("0", "carts", "16"), ("1", "orders", "15")},
        {("0", "15", True)},
        {"15": [], "16": []},
    ),
    "amazon-reviews": (
        {("A1", "review", "0151004714"), ("A2", "review", "0151004714")},
        {("A1", "0151004714", True), ("A2", "0151004714", False)},
        {"0151004714": ["Electronics", "Books"]},
    ),
    "hm": (
        {("000058a1", "article", "0663713001"), ("00007d2d", "article", "0541518023"),
         ("000058a1", "type", "Underwear body"), ("00007d2d", "type", "Bra")},
        {("000058a1", "0663713001", True), ("00007d2d", "0541518023", True)},
        {"0663713001": ["Underwear", "Lingerie"], "0541518023": ["Underwear", "Lingerie"]},
    ),
    "criteo-attribution": (
        {("24607497", "campaign", "884761"), ("20073966", "context", "5824233"), ("24607497", "context", "5824233")},
        {("20073966", "22589171", False), ("24607497", "884761", True)},
        {"22589171": [], "884761": []},
    ),
    "tencent-lookalike-2018": (
        {("26325489", "interest1", thing) for thing in ("93", "70", "77")}
        | {("1184123", "interest1", "75"), ("1184123", "topic1", "1")}
        | {("26325489", "topic1", "9826"), ("26325489", "topic1", "105")},
        {("26325489", "177", True), ("1184123", "177", False)},
        {"177": ["category 282", "product 6"]},
    ),
}  # fmt: skip


def read(spark: SparkSession, folder: Path, name: str) -> IngestResult:
    for file, content in CONTENT[name].items():
        data = content.encode("iso-8859-1" if file.endswith(".dat") else "utf-8")
        (folder / file).write_bytes(gzip.compress(data) if file.endswith(".gz") else data)
    settings = [f"data_root={folder}"]
    # A handful of rows cannot be split by their times; they are kept all the same.
    settings += [] if name.startswith("tencent") else ["ingest.untimed=false"]
    return ingest(spark, load_config(LAYOUTS / f"{name}.yaml", settings))


def test_every_layout_is_tested() -> None:
    assert {path.stem for path in LAYOUTS.glob("*.yaml")} == EXPECTED.keys() == CONTENT.keys()


@pytest.mark.long
@pytest.mark.parametrize("name", EXPECTED)
def test_layout(spark: SparkSession, tmp_path: Path, name: str) -> None:
    result = read(spark, tmp_path, name)
    events, shown, categories = EXPECTED[name]
    assert {tuple(row) for row in result.events.select("user_id", "domain", "feature_id").collect()} == events
    clicked = "user_id", "item_id", "clicked"
    real = result.impressions.where("clicked") if all(row[2] for row in shown) else result.impressions
    assert {tuple(row) for row in real.select(*clicked).collect()} == shown
    assert {row["item_id"]: row["categories"] for row in result.items.collect()} == categories
    assert {row["reason"] for row in result.quarantine.collect()} <= {"duplicate"}  # MIND repeats earlier clicks
    users = {row["user_id"]: row.asDict() for row in result.users.collect()}
    if name == "tencent-lookalike-2018":
        assert users["5"] | {"as_of": None} == {
            "as_of": None,
            "user_id": "5",
            "age": None,
            "gender": "1",
            "education": "1",
        }
    if name == "hm":
        assert (users["00007d2d"]["news"], users["00007d2d"]["age"]) == ("Regularly", 25.0)
