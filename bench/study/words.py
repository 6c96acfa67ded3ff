"""What the page of the study says, in both languages."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One language."""

    title: str
    opening: str
    short: str
    pays: str
    wins: str
    takes: str
    none: str
    graph: str
    ranks: str
    ranked: str
    placed: str
    accuracies: str
    worse: str
    never_worse: str
    tested: str
    repeated: str
    costs: str
    literature: str
    how: str
    made: str
    states: str
    unknown: str
    incomplete: str
    set: str
    kind: str
    method: str
    homophily: str
    seconds: str
    memory: str
    latency: str
    on_test: str
    kinds: dict[str, str]
    protocols: dict[str, str]
    published: tuple[str, ...]
    reproduce: tuple[str, ...]
    count: Callable[[int | None], str]


ENGLISH = Words(
    title="# Results\n\n[简体中文](results.zh-CN.md)",
    opening=(
        "When graph-based training pays, and what it costs, measured on {sets} public sets: every method"
        " is "
        "given the same rows and the same time for one training, and is judged once by test rows whose"
        " labels "
        "it never sees. This page is made from the files in `bench/study/results/`; where we lose, it"
        " says so."
    ),
    short="## In short",
    pays=(
        "**The graph, with {count}:** {mean:+.1f} points on the mean of {sets} sets, encoder frozen. The "
        "95 % interval over test rows, and over seeds where there are several (not adjusted for how many "
        "there are), is above zero on {up}, below on {down}."
    ),
    wins=(
        "**Mean ranks, with {count}:** of {methods} methods, `graphtune fit --budget 60s` is number {tuned}, "
        "with `--frozen` number {frozen}. {alike} more are within the critical difference of the first, "
        "{first}. Not ranked, for not being run on every set: {left}."
    ),
    takes=(
        "**It costs,** as the median of the {count} trainings that all of these have, each stopped at "
        "{limit:.0f} s, without encoding by frozen weights: {told}."
    ),
    none="none",
    graph=(
        "## What the graph is worth\n\nPoints of accuracy that `graphtune fit` gains over the same fit"
        " without "
        "graphs, with the 95 % interval over test rows, and over seeds where there are several; bold where"
        " the whole interval is above"
        " zero. "
        "*Links joining equal labels* is the share among links between labelled training rows (homophily),"
        " the "
        "figure to look at before: where it is low, expect nothing."
    ),
    ranks=(
        "## Ranks\n\nMean rank over the sets, 1 is the best; only methods that were run on every set"
        " take part. "
        "graphtune-tuned is what `graphtune fit --budget 60s` does, graphtune the same with `--frozen`. "
        "Within the critical difference (Nemenyi's test) methods are not told apart."
    ),
    ranked=("{sets} sets. Mean ranks: {said}. Critical difference {critical:.2f}; Friedman test p = {p}."),
    placed="{method} is number {place}. ",
    accuracies=(
        "## Accuracy\n\nOn the test rows, in %, the mean of the seeds; bold is the best of the column. "
        "Methods that were run on every set come first, by mean rank."
    ),
    worse="## Against the simplest baselines",
    never_worse=(
        "Against the better of TF-IDF with logistic regression and embeddings with logistic regression, "
        "{method} is more than 0.5 points behind in {below} of {all} cases, "
        "and more than 0.5 ahead in {above}. The worst: {shown}."
    ),
    tested=" (of {rows:,} test rows)",
    repeated=(
        "One seed, judged on few test rows, is mostly chance. The same with several seeds "
        "(their number in brackets), which draw few labels, and order the steps of a training, by "
        "`bench/study/study.py --draws SET`: points ahead of the baseline that is better on their mean."
    ),
    costs=(
        "## What it costs\n\nMedians over all sets and label counts: seconds of training (choosing settings"
        " "
        "counts, encoding by frozen weights does not), peak memory in MiB of the process, milliseconds"
        " for one "
        "text. Encoding is the larger cost: see [performance](performance.md)."
    ),
    literature=(
        "## Published figures\n\nNot measured here, and got in other ways: larger encoders, other draws"
        " of the "
        "labels, test texts in the graph, or the best epoch by test accuracy. *Ours* are those of the"
        " README."
    ),
    how=(
        "## How it was measured, and how to repeat it\n\nLabels are drawn by the seed, so many training"
        " rows a "
        "class; the other training rows stay as unlabelled texts, and val rows choose only where all"
        " labels are "
        "used. `make peers` installs the peers; without it, add `--no-peers`. Data and encoders are looked"
        " for in `GRAPHTUNE_DATA` and `GRAPHTUNE_ENCODERS`."
    ),
    made="Made with {made}.",
    states="By the state of graphtune's own code, as a digest: {told}.",
    unknown="not noted",
    incomplete="incomplete",
    set="set",
    kind="classes are",
    method="method",
    homophily="links joining equal labels",
    seconds="training, s",
    memory="memory, MiB",
    latency="one text, ms",
    on_test="epoch picked on test",
    kinds={
        "intent": "intents",
        "question": "question types",
        "topic": "topics",
        "sentiment": "sentiments",
        "citation": "fields, with citations",
        "page": "page types, with links",
    },
    protocols={"inductive": "inductive", "transductive": "transductive"},
    published=("task", "method", "published, %", "protocol", "source", "ours, %", "ours: protocol, command"),
    reproduce=("set", "training texts", "test texts", "encoder", "seeds", "protocol", "command"),
    count=lambda labels: "all labels" if labels is None else f"{labels} labels a class",
)
CHINESE = Words(
    title="# 结果\n\n[English](results.md)",
    opening=(
        "基于图的训练何时有用、代价多大：在 {sets} 个公开数据集上测得。每种方法得到相同的行，一次训"
        "练的时间相同，"
        "并由测试行评判一次，其标签任何方法都看不到。本页由 `bench/study/results/` 中的文件生成；我"
        "们不如别人之处，这里照样写出。"
    ),
    short="## 概要",
    pays=(
        "**图，{count}：** 在 {sets} 个数据集上平均 {mean:+.1f} 个百分点，编码器冻结。"
        "测试行上（种子多于一个时也在种子上）的 95 % 区间（未按其个数校正）高于零的：{up}，低于零的：{down}。"
    ),
    wins=(
        "**平均名次，{count}：** 在 {methods} 种方法中，`graphtune fit --budget 60s` 为第 {tuned} 名，"
        "加 `--frozen` 为第 {frozen} 名。另有 {alike} 种与第一名 {first} 之差在临界差之内。"
        "因未在每个数据集上运行而不参加排名的：{left}。"
    ),
    takes=(
        "**代价，** 以下方法都有的 {count} 次训练的中位数，每次至多 {limit:.0f} 秒，"
        "不含用冻结权重编码：{told}。"
    ),
    none="无",
    graph=(
        "## 图值多少\n\n`graphtune fit` 比不用图的同一次拟合多得的准确率（百分点），附测试行上的 95 % 区间，"
        "种子多于一个时也在种子上；"
        "整个区间大于零者用粗体。*连接相同标签的边*是有标签训练行之间的边中所占的比例（同质性），应"
        "当先看它：比例低时，不要期待收益。"
    ),
    ranks=(
        "## 名次\n\n各数据集上的平均名次，1 为最好；只有在每个数据集上都运行过的方法参加。"
        "graphtune-tuned 即 `graphtune fit --budget 60s`，graphtune 即另加 `--frozen`。"
        "在临界差（Nemenyi 检验）以内的方法不分高下。"
    ),
    ranked=("{sets} 个数据集。平均名次：{said}。临界差 {critical:.2f}；Friedman 检验 p = {p}。"),
    placed="{method} 列第 {place}。",
    accuracies=(
        "## 准确率\n\n测试行上，单位 %，为各种子的均值；粗体为该列最好。"
        "在每个数据集上都运行过的方法在前，按平均名次排列。"
    ),
    worse="## 与最简单的基线相比",
    never_worse=(
        "与 TF-IDF 加逻辑回归、嵌入加逻辑回归两者中较好的相比，{method} 在 {all} 种情形中有 {below}"
        " 种落后超过 0.5 个百分点，在 {above} 种中领先超过 0.5 个百分点。"
        "最差的几种：{shown}。"
    ),
    tested="（共 {rows:,} 个测试行）",
    repeated=(
        "只有一个种子、又只在少量测试行上评判，大半是偶然。以下是同一比较在多个种子（括号内为个数）下的结果，"
        "少量标签由种子抽取，训练各步的次序也由种子决定，由 `bench/study/study.py --draws SET` 得出："
        "比各种子均值上较好的基线高出的百分点。"
    ),
    costs=(
        "## 代价\n\n所有数据集与标签数上的中位数：训练秒数（含选择设置，不含用冻结权重编码）、进程"
        "的内存峰值（MiB）、"
        "单个文本的毫秒数。编码的代价更大：见[性能](performance.zh-CN.md)。"
    ),
    literature=(
        "## 已发表的数字\n\n并非在此测得，方法也不同：更大的编码器、另外抽取的标签、测试文本在图中"
        "，或按测试准确率挑选的轮次。"
        "*我们的*取自 README。"
    ),
    how=(
        "## 如何测量，如何重复\n\n标签按种子抽取，每类若干训练行；其余训练行作为无标签文本保留，"
        "验证行只在使用全部标签时用于选择。`make peers` 安装同类软件；没有它时加 `--no-peers`。"
        "数据与编码器在 `GRAPHTUNE_DATA` 与 `GRAPHTUNE_ENCODERS` 中寻找。"
    ),
    made="环境：{made}。",
    states="按 graphtune 自身代码的状态（摘要）：{told}。",
    unknown="未记录",
    incomplete="不完整",
    set="数据集",
    kind="类别是",
    method="方法",
    homophily="连接相同标签的边",
    seconds="训练，秒",
    memory="内存，MiB",
    latency="单个文本，毫秒",
    on_test="按测试挑选轮次",
    kinds={
        "intent": "意图",
        "question": "问题类型",
        "topic": "主题",
        "sentiment": "情感",
        "citation": "领域，有引用",
        "page": "网页类型，有链接",
    },
    protocols={"inductive": "归纳式", "transductive": "直推式"},
    published=("任务", "方法", "发表值，%", "协议", "来源", "我们的，%", "我们的：协议，命令"),
    reproduce=("数据集", "训练文本", "测试文本", "编码器", "种子", "协议", "命令"),
    count=lambda labels: "全部标签" if labels is None else f"每类 {labels} 个标签",
)
