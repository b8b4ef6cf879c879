"""The headers of MetaTrader's reports in the languages of its terminal."""

from __future__ import annotations

# MetaTrader writes its report in the language of the terminal: English, German, French, Spanish, Portuguese,
# Italian, Russian
TIME = ("time", "zeit", "heure", "tiempo", "fecha", "hora", "horario", "ora", "время")
SYMBOL = ("symbol", "symbole", "simbolo", "ativo", "символ")
TYPE = ("type", "typ", "tipo", "тип")
VOLUME = ("volume", "volumen", "обьем", "объем")
PRICE = ("price", "preis", "prix", "precio", "preco", "prezzo", "цена")
ORDER = ("order", "ordre", "orden", "ordem", "ordine", "ордер")
COMMISSION = ("commission", "kommission", "comision", "comissao", "commissione", "commissioni", "комиссия")
SWAP = ("swap", "своп")
PROFIT = ("profit", "gewinn", "beneficio", "lucro", "profitto", "прибыль")
DEAL = ("deal", "geschaft", "transaction", "transaccion", "transacao", "oferta", "affare", "сделка")
DIRECTION = ("direction", "richtung", "direccion", "direcao", "direzione", "направление")
POSITION = ("position", "posicion", "posicao", "posizione", "позиция")

BROKER_TIME = "stamps are the broker's server time; give its zone with --tz, such as --tz Europe/Athens"
