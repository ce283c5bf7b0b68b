Feature: Spoken questions
  Somebody with dirty hands asks aloud. What was said is answered like what is typed; the recording, and what was
  written down of it, stay nowhere, however the call ends.

  @exact @stores
  Scenario Outline: What is said in <recording> is answered like what is typed
    Given Anna has the manual "<manual>"
    And Anna has the recording "<recording>"
    When Anna asks with the recording
    Then Anna was heard to say "<said>"
    And the answer to Anna is that of the question <question>
    And Anna is charged 1 question
    And nothing is left of the recordings of Anna

    Examples:
      | recording      | manual | question  | said                                                 |
      | router-01.wav  | router | router-01 | How many wireless devices can connect to the router? |
      | router-13.wav  | router | router-13 | How long does the WPS pairing window stay open?      |
      | router-04.webm | router | router-04 | How many Gbit/s does the WAN port reach?             |
      | coffee-04.wav  | coffee | coffee-04 | How much water does the water tank hold?             |
      | coffee-06.wav  | coffee | coffee-06 | At what temperature is an espresso brewed?           |
      | coffee-07.mp4  | coffee | coffee-07 | How much milk goes into a latte macchiato?           |
      | coffee-11.mp3  | coffee | coffee-11 | How many seconds should an espresso take?            |
      | coffee-19.wav  | coffee | coffee-19 | Can I descale with vinegar?                          |
      | ebike-02.wav   | ebike  | ebike-02  | How much may the luggage rack carry?                 |
      | ebike-04.flac  | ebike  | ebike-04  | How fast does walk assistance push the bicycle?      |

  @stores
  Scenario Outline: A recording that is <odd> is refused, free, and stays nowhere
    Given Anna has a recording that is "<odd>"
    When Anna asks with the recording
    Then Anna is refused because "<reason>"
    And Anna is told that trying again does not help
    And Anna is charged 0 questions
    And nothing is left of the recordings of Anna

    Examples:
      | odd                      | reason                                 |
      | silent                   | nothing was said                       |
      | empty                    | the recording is empty                 |
      | noise of no format       | the recording is not what it is called |
      | broken                   | the recording cannot be read           |
      | of three channels        | the recording cannot be read           |
      | cut off before it begins | the recording cannot be read           |

  @stores
  Scenario Outline: A recording in <recording> that is called <called> is refused, free, and stays nowhere
    Given Anna has the recording "<recording>"
    And the recording of Anna is called "<called>"
    When Anna asks with the recording
    Then Anna is refused because "<reason>"
    And Anna is charged 0 questions
    And nothing is left of the recordings of Anna

    Examples:
      | recording      | called | reason                                     |
      | router-01.wav  | MP3    | the recording is not what it is called     |
      | router-01.wav  | FLAC   | the recording is not what it is called     |
      | coffee-07.mp4  | WebM   | the recording is not what it is called     |
      | coffee-11.mp3  | WAV    | the recording is not what it is called     |
      | router-04.webm | MP4    | the recording is not what it is called     |
      | ebike-04.flac  | WAV    | the recording is not what it is called     |
      | router-01.wav  | Ogg    | the recording is of no type that is taken  |
      | coffee-07.mp4  | a film | the recording is of no type that is taken  |
      | router-01.wav  | text   | the recording is of no type that is taken  |

  @stores
  Scenario: Half a second is long enough
    Given Anna has a recording of 500 milliseconds
    When Anna asks with the recording
    Then Anna was understood
    And Anna is charged 1 question
    And nothing is left of the recordings of Anna

  @stores
  Scenario: A minute is not too long
    Given Anna has a recording of 60000 milliseconds
    When Anna asks with the recording
    Then Anna was understood
    And Anna is charged 1 question
    And nothing is left of the recordings of Anna

  @stores
  Scenario Outline: A recording of <long> milliseconds is refused, free, and stays nowhere
    Given Anna has a recording of <long> milliseconds
    When Anna asks with the recording
    Then Anna is refused because "<reason>"
    And Anna is charged 0 questions
    And nothing is left of the recordings of Anna

    Examples:
      | long   | reason                     |
      | 499    | the recording is too short |
      | 60001  | the recording is too long  |
      | 120000 | the recording is too long  |

  @stores
  Scenario: A recording of exactly four megabytes is taken
    Given Anna has a recording of 4194304 bytes
    When Anna asks with the recording
    Then Anna was understood
    And Anna is charged 1 question
    And nothing is left of the recordings of Anna

  @stores
  Scenario: One byte more than four megabytes is refused, free, and stays nowhere
    Given Anna has a recording of 4194305 bytes
    When Anna asks with the recording
    Then Anna is refused because "the recording is too large"
    And Anna is charged 0 questions
    And nothing is left of the recordings of Anna

  Scenario: A recording that the connection has cut off is heard as far as it goes
    Given Anna has a recording that is "cut off halfway"
    When Anna asks with the recording
    Then Anna was understood

  @stores
  Scenario: A recording that was garbled on its way is refused and free
    When Anna asks with a recording that was garbled on its way
    Then Anna is refused because "the recording is garbled"
    And Anna is charged 0 questions

  @stores
  Scenario: A question is either typed or spoken
    Given Anna has the recording "router-01.wav"
    When Anna asks with the recording and types "How do I reset it?"
    Then Anna is refused because "the question is both typed and spoken"
    And Anna is charged 0 questions
    And nothing is left of the recordings of Anna

  @stores
  Scenario: A spoken question may be as long as a typed one, and no longer
    Given Anna has a recording that says 1000 characters
    When Anna asks with the recording
    Then Anna was understood
    Given Anna has a recording that says 1001 characters
    When Anna asks with the recording
    Then Anna is refused because "the question is too long"
    And Anna is charged 1 question
    And nothing is left of the recordings of Anna

  Scenario Outline: What is said in <language> is heard as it is said
    Given Anna has a recording that says "<said>"
    When Anna asks with the recording
    Then Anna was heard to say "<said>"

    Examples:
      | language | said                          |
      | German   | Wie viele Geräte gehen gleichzeitig? |
      | Greek    | Πόσο νερό χωράει το δοχείο;   |
      | Hebrew   | כמה מים נכנסים למיכל?         |
      | Japanese | 水タンクの容量はどれくらいですか？ |

  @stores @server
  Scenario: Somebody who says what was typed before gets the same answer
    Given Anna has the manual "router"
    When Anna asks the question router-01
    Then the answer to Anna is that of the question router-01
    Given Anna has the recording "router-01.wav"
    When Anna asks with the recording
    Then the answer to Anna is remembered
    And the answer to Anna is that of the question router-01
    And Anna is charged 2 questions

  @exact
  Scenario: A spoken question is answered from the asker's own manuals only
    Given Bert has the manual "router"
    And Anna has the recording "router-01.wav"
    When Anna asks with the recording
    Then the manuals of Anna do not say
    Given Bert has the recording "router-01.wav"
    When Bert asks with the recording
    Then the answer to Bert is that of the question router-01

  @outages @stores
  Scenario Outline: A spoken question while <failure> is refused, free, and stays nowhere
    Given Anna has the manual "router"
    And Anna has the recording "router-01.wav"
    And "<failure>" for Anna
    When Anna asks with the recording
    Then Anna is refused because "<reason>"
    And Anna is told to try again soon
    When all is well again for Anna
    Then Anna is charged 0 questions
    And nothing is left of the recordings of Anna

    Examples:
      | failure                         | reason                          |
      | the transcription is overloaded | the transcription is overloaded |
      | the transcription fails         | the transcription is out        |
      | the model fails                 | the model is out                |
      | the search fails                | the search is out               |

  Scenario: Somebody without an account is not listened to
    Given Anna has no account
    And Anna has the recording "router-01.wav"
    When Anna asks with the recording
    Then Anna is refused because "nobody is signed in"
