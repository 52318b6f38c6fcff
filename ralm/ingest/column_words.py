"""What columns are called, in the languages that logs are written in, and which of these words a name has."""

from __future__ import annotations

import re
import unicodedata

# Words of a name, most telling first; those of other languages than English as they stand without accents.
USER = (
    "user", "customer", "visitor", "member", "reviewer", "client", "account", "person", "profile", "shopper", "buyer",
    "uid", "cookie", "device", "kunde", "utilisateur", "usuario", "usr", "cust", "msisdn", "subscriber", "nutzer",
    "benutzer", "besucher", "mitglied", "player", "listener", "viewer", "reader", "guest", "steam", "utente", "cliente",
    "gebruiker", "klant", "klient", "klienta", "uzytkownik", "uzytkownika", "kullanici", "musteri", "anvandare", "kund",
    "bruker", "bruger", "пользовател", "клиент", "покупател", "用户", "会员", "客户", "用戶", "ユーザー", "ユーザ",
    "会員", "顧客", "사용자", "회원", "고객", "email", "mail", "phone", "session",
)  # fmt: skip
ITEM = (
    "item", "article", "product", "movie", "film", "asin", "sku", "news", "video", "track", "song", "book", "isbn",
    "content", "campaign", "creative", "ad", "listing", "hotel", "business", "poi", "page", "artikel", "produit",
    "iid", "aid", "pid", "mid", "post", "doc", "url", "offer", "game", "recipe", "goods", "produkt", "lied", "buch",
    "beitrag", "app", "restaurant", "venue", "beer", "anime", "episode", "podcast", "course", "ean", "gtin", "variant",
    "stock", "stockcode", "upc", "articulo", "producto", "pelicula", "cancion", "libro", "artigo", "produto", "filme",
    "livro", "musica", "articolo", "prodotto", "brano", "boek", "produktu", "towar", "towaru", "artykul", "ksiazka",
    "urun", "kitap", "livre", "oeuvre", "vara", "vare", "artykulu", "товар", "продукт", "стать", "фильм", "книг",
    "商品", "物品", "文章", "视频", "影片", "作品", "動画", "記事", "상품", "기사", "영화", "artist", "artista",
    "location", "place", "job", "store", "shop", "question", "prod", "art",
)  # fmt: skip
TIME = (
    "timestamp", "time", "datetime", "ts", "at", "date", "when", "day", "created", "datum", "fecha", "zeitpunkt",
    "zeit", "data", "hora", "heure", "horodatage", "tijd", "tijdstip", "czas", "tarih", "zaman", "tid", "tidspunkt",
    "dato", "время", "дата", "时间", "日期", "時間", "日時", "日付", "시간", "날짜", "일시",
)  # fmt: skip
CLICK = (
    "clicked", "click", "label", "target", "converted", "conversion", "purchased", "bought", "liked", "response",
    "geklickt", "klick", "gekauft", "recommended", "voted", "favorite", "favourite", "watched", "played", "clic",
    "clique", "clicou", "clicado", "cliccato", "klik", "geklikt", "klikniecie", "tiklama", "клик", "点击", "點擊",
    "クリック", "클릭", "opened", "tapped",
)  # fmt: skip
RATING = (
    "rating", "stars", "score", "overall", "vote", "bewertung", "note", "nota", "voto", "puntuacion", "calificacion",
    "valoracion", "beoordeling", "ocena", "puan", "betyg", "оценк", "рейтинг", "评分", "評価", "평점",
)  # fmt: skip
DEED = (
    "event", "action", "type", "behavior", "behaviour", "activity", "interaction", "accion", "evento", "acao", "azione",
    "aktion", "действи", "событи", "行为", "行動",
)  # fmt: skip
SHOWN = {"show", "shown", "impression", "impressions", "imp", "exposure", "display", "displayed", "served"}
DONE = {"click", "clicks", "clicked", "tap", "tapped", "open", "opened", "conversion", "purchase", "purchased", "buy"}
ACTS = {*SHOWN, *DONE, "view", "cart", "login", "search", "like", "share", "play", "scroll", "order"}
# Words after which a name still means the thing itself: `user_id`, `customer number`.
_OF_IT = {"id", "ids", "key", "no", "nr", "num", "number", "nummer", "code", "hash", "uuid", "guid", "sha256"}
# Names of what comes again in a log and is no item: the order that it stands in, or how many of it there are.
BESIDES = (
    "invoice", "order", "receipt", "transaction", "basket", "bill", "ticket", "rechnung", "bestellung", "bon", "beleg",
    "quantity", "qty", "menge", "price", "preis", "amount", "count", "zip", "plz", "postcode", "index", "unnamed",
)  # fmt: skip
# Times that are nobody's deed.
BIRTH = ("birth", "birthdate", "birthday", "dob", "geburt", "geburtsdatum", "naissance", "nacimiento")
# Some exports write the type behind the name: `user_id:token`, `at:float`.
_TYPED = re.compile(r":(token|token_seq|float|float_seq|string|str|int|integer|long|bigint|double|date|datetime)$")
_UNCOMPOSED = str.maketrans({"ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "ı": "i", "ß": "ss", "œ": "oe"})
# Letters of scripts that leave no blanks between words.
_UNSPACED = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"


def words_of(name: str) -> list[str]:
    """The words of a column's name, in small letters without accents: `productName` has two, a type is none."""
    plain = "".join(map(_without_accent, _TYPED.sub("", name).translate(_UNCOMPOSED)))
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", plain)
    parts = re.sub(rf"({_UNSPACED})(?=[A-Za-z])|([A-Za-z])(?={_UNSPACED})", r"\1\2 ", parts)
    return [word.lower() for word in re.split(r"[\W\d_]+", parts) if word]


def _without_accent(letter: str) -> str:
    """a of ä; letters of other alphabets as they are."""
    base = unicodedata.normalize("NFD", letter)[:1]
    return base if base.isascii() else "" if unicodedata.combining(letter) else letter


def named(name: str, words: tuple[str, ...]) -> int | None:
    """The place of the word that a name has; lower is more telling."""
    own = words_of(name)
    joined = "".join(own)
    for place, word in enumerate(words):
        if word in own or (len(word) > 3 and (joined.startswith(word) or joined.endswith((word, f"{word}id")))):
            return place
        if not word.isascii() and word in joined:
            return place
    return None


def is_of(name: str, word: str) -> bool:
    """Whether a name means the thing itself (`user_id`, `userid`), and not something about it (`user_city`)."""
    own = words_of(name)
    after = own[len(own) - own[::-1].index(word) :] if word in own else ["".join(own).rpartition(word)[2]]
    return all(part in _OF_IT or part == "" for part in after) or own[-1] == "id"
