"""Chinese texts, split into words by themselves; an encoder for Chinese is read from its directory.

    python examples/chinese.py [ENCODER]

ENCODER: ``tfidf``, the default, needs nothing else. A Hugging Face directory of an encoder for Chinese, such
as bge-small-zh-v1.5, is more accurate with few labels. ``minilm`` reads no Chinese.
"""

import sys

from graphtune import TextClassifier

LABELLED = {
    "物流": [
        "快递三天了还没有到",
        "包裹被送到别人家了",
        "物流信息一直不更新",
        "什么时候可以发货",
        "快递员没有打电话",
    ],
    "退款": ["我要退货退款", "退款什么时候到账", "钱还没有退给我", "申请退款被拒绝了", "退回的商品收到了吗"],
    "质量": ["屏幕有划痕", "用了两天就坏了", "衣服掉色很严重", "鞋底开胶了", "颜色和图片不一样"],
}
UNLABELLED = [
    "快递怎么还没到",
    "包裹丢了怎么办",
    "物流太慢了",
    "退款一直没有到账",
    "我想退货",
    "商家不同意退款",
    "收到的商品是坏的",
    "衣服质量太差",
    "鞋子穿了一天就开胶",
    "发货太慢了",
]
ASKED = ["我的快递到哪里了", "请把钱退给我", "刚买的手机屏幕坏了"]


def main(encoder: str = "tfidf") -> None:
    """Fit on fifteen labelled sentences and ten without a label, and predict three."""
    texts = [text for group in LABELLED.values() for text in group]
    labels = [name for name, group in LABELLED.items() for _ in group]
    model = TextClassifier(encoder).fit(texts, labels, unlabelled=UNLABELLED)
    for text, label, row in zip(ASKED, model.predict(ASKED), model.predict_proba(ASKED), strict=True):
        print(f"{text} → {label} ({row.max():.0%})")
    print(model.outcome_.verdict.text)


if __name__ == "__main__":
    main(*sys.argv[1:])
