"""What a trained version holds: the network, its words, what they are about, and the texts it learnt from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from segue.plugins.lyrics.corpus import Corpus
from segue.plugins.lyrics.network import Network, NetworkSettings, load, save
from segue.plugins.lyrics.texts import Texts
from segue.plugins.lyrics.topics import topic_vectors
from segue.plugins.lyrics.vocabulary import Vocabulary

CONFIG, TOPICS = "config.json", "topics.npy"
_FORMAT: Final = 1


@dataclass(frozen=True)
class Artifacts:
    """The parts of a version."""

    network: Network
    vocabulary: Vocabulary
    topics: NDArray[np.float16]
    texts: Texts

    @classmethod
    def of(cls, network: Network, vocabulary: Vocabulary, corpus: Corpus) -> Artifacts:
        """Put a trained network and its texts together."""
        songs = [*corpus.train, *corpus.verse]
        return cls(network, vocabulary, topic_vectors(songs, vocabulary), Texts.of(songs, vocabulary))

    def save(self, folder: Path) -> None:
        """Write all parts."""
        save(self.network, folder)
        self.texts.save(folder)
        np.save(folder / TOPICS, self.topics)
        words = self.vocabulary.words[3:]
        config = {"format": _FORMAT, "network": self.network.settings.model_dump(), "words": words}
        (folder / CONFIG).write_text(json.dumps(config) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Artifacts:
        """Read what ``save`` wrote."""
        config = json.loads((folder / CONFIG).read_text())
        vocabulary = Vocabulary(config["words"])
        network = load(NetworkSettings(**config["network"]), len(vocabulary), folder)
        return cls(network, vocabulary, np.load(folder / TOPICS), Texts.load(folder))
